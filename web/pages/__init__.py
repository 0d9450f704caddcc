"""The pages people work on: server-rendered, htmx where it is there."""
