"""One file a claim; `make bench` prints the table and writes bench/results/*.json."""
