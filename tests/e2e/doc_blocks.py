"""The code blocks of the documentation, for tests that run them."""
import re

import harness

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page, language):
    """The code of all blocks of `page` in this language, in their order."""
    return [code for name, code in BLOCK.findall((harness.ROOT / page).read_text()) if name == language]


def block_with(page, text, language="sh"):
    """The code of the one block that holds `text`."""
    found = [code for code in blocks(page, language) if text in code]
    if len(found) != 1:
        raise AssertionError(f"{page} has {len(found)} blocks of {language} with {text!r}, not 1")
    return found[0]


def replaced(code, *pairs):
    """`code` with (old, new) pairs replaced; each old text must be there."""
    for old, new in pairs:
        if old not in code:
            raise AssertionError(f"no {old!r} in:\n{code}")
        code = code.replace(old, new)
    return code
