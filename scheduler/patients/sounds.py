"""How names sound: pinyin and initials, surnames with special readings right, every usual reading kept."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

COLUMN = 255

Reading = tuple[str, ...]
"""A name's syllables as one person reads it."""

SURNAMES: dict[str, tuple[str, ...]] = {
    "万俟": ("mo qi",),
    "乐正": ("yue zheng",),
    "令狐": ("ling hu",),
    "单于": ("chan yu",),
    "子车": ("zi ju",),
    "尉迟": ("yu chi",),
    "折兰": ("she lan",),
    "澹台": ("tan tai",),
    "纥干": ("he gan",),
    "长孙": ("zhang sun",),
    "长鱼": ("chang yu",),
    "乐": ("yue", "le"),
    "乜": ("nie",),
    "么": ("yao",),
    "仇": ("qiu",),
    "佴": ("nai",),
    "便": ("pian",),
    "区": ("ou",),
    "单": ("shan",),
    "卜": ("bu",),
    "卻": ("xi",),
    "句": ("gou",),
    "召": ("shao",),
    "员": ("yun",),
    "宓": ("mi", "fu"),
    "尉": ("wei", "yu"),
    "强": ("qiang", "jiang"),
    "折": ("she",),
    "曾": ("zeng",),
    "朴": ("piao",),
    "柏": ("bai", "bo"),
    "查": ("zha",),
    "洗": ("xian",),
    "牟": ("mu", "mou"),
    "盖": ("ge", "gai"),
    "祭": ("zhai", "ji"),
    "秘": ("bi",),
    "种": ("chong",),
    "粘": ("nian",),
    "繁": ("po",),
    "缪": ("miao",),
    "翟": ("zhai", "di"),
    "能": ("nai",),
    "莘": ("shen", "xin"),
    "薄": ("bo",),
    "藏": ("zang",),
    "覃": ("qin", "tan"),
    "角": ("jue",),
    "解": ("xie",),
    "谌": ("chen", "shen"),
    "贠": ("yun",),
    "费": ("fei", "bi"),
    "适": ("kuo",),
    "逢": ("pang", "feng"),
    "郄": ("qie", "xi"),
    "郇": ("xun", "huan"),
    "郗": ("xi", "chi"),
    "都": ("du",),
    "重": ("chong",),
    "长": ("chang", "zhang"),
    "阚": ("kan",),
    "隗": ("wei", "kui"),
    "难": ("ning", "nan"),
    "黑": ("he", "hei"),
}
"""Surnames that pypinyin 0.55 reads wrong or in one of several ways: the bearers' usual reading first, syllables
apart. Its own reading is indexed beside them, because a caller who does not know better types that."""

_UMLAUTS = {"lv", "nv", "lve", "nve"}


def readings(name: str) -> tuple[str, str]:
    """Return a name's pinyin and initials: every reading, the best first, separated by a blank.

    `单晓明` gives `shanxiaoming danxiaoming` and `sxm dxm`; `吕布` `lvbu lubu lyubu` and `lb`; `Anna Weiß`
    `annaweiss` and `aw`. What has no Latin reading gives nothing: such a name is found as it is written.
    """
    found = spoken(name)
    pinyin = ("".join(spelling) for reading in found for spelling in spellings(reading))
    return _joined(pinyin), _joined(initials(reading) for reading in found)


@lru_cache(maxsize=4096)
def spoken(name: str) -> tuple[Reading, ...]:
    """Return the readings of a name, the best first; none for a name without a Latin one."""
    return tuple(reading for reading in _readings(name) if reading)


def spellings(reading: Reading) -> Iterator[Reading]:
    """Yield the ways ü is typed: v (keyboards), u (those without it), yu (passports)."""
    yield reading
    if not _UMLAUTS.isdisjoint(reading):
        for typed in ("u", "yu"):
            yield tuple(each.replace("v", typed) if each in _UMLAUTS else each for each in reading)


def initials(reading: Reading) -> str:
    """Return the first letters of a reading's syllables."""
    return "".join(syllable[0] for syllable in reading)


def plain(text: str) -> str:
    """Return a text's letters a-z and digits, accents and case taken off."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text.casefold()))


def _readings(name: str) -> Iterator[Reading]:
    for length in (2, 1):
        for surname in SURNAMES.get(name[:length], ()):
            yield (*surname.split(), *_syllables(name[length:]))
    yield _syllables(name)


def _syllables(text: str) -> Reading:
    """Return the syllables of Chinese and the words of Latin script, in a-z and 0-9 only."""
    from pypinyin import lazy_pinyin  # lazy: reading its dictionary takes half a second

    words = (word for part in lazy_pinyin(text) for word in re.findall(r"\w+", str(part)))
    return tuple(syllable for word in words if (syllable := plain(word)))


def _joined(readings: Iterable[str]) -> str:
    """Join distinct readings by blanks, as many whole ones as the column (255) holds; a single longer one is cut."""
    joined = ""
    for reading in dict.fromkeys(readings):
        longer = f"{joined} {reading}".strip()
        if joined and len(longer) > COLUMN:
            break
        joined = longer[:COLUMN]
    return joined
