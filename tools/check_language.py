#!/usr/bin/env python3
"""Finds words that this project has replaced, in tracked files and in their names.

Prints file:line, the word and what to write instead, and fails if there is any. --count prints the hits of each entry.
An entry belongs in a table only if the word is hardly ever right: "behind a proxy" is good English, "goes on" is not.
"""
import argparse
import bisect
import itertools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ["*.h", "*.cc", "*.py", "*.sh", "*.md", "*.json", "*.txt"]
# Generated from the flag tables, which are searched; and this file.
LEFT_OUT = {"docs/cli.md", "tools/check_language.py"}

# In prose: a regular expression in lower case, for any case. A phrase is found where a line wraps, too.
PHRASES = [
    (r"told of", "notified of, reported"),
    (r"go(?:es)? on(?! top)", "resume, continue"),
    (r"(?:come|comes|came) to be", "arrive, are created"),
    (r"(?:is|are|was|were) away", "is unavailable"),
    (r"(?:is|are|was|were|be) asked for", "requested"),
    (r"anew", "again"),
    (r"mend(?:s|ed|ing)?", "fix"),
    (r"that often ?[,.;|)]", "at this interval"),
    (r"for so long(?! (?:as|that))", "for this long"),
    (r"whose holder", "if its holder"),
    (r"rooms", "modules"),
    (r"heart", "core"),
    (r"dearer", "more expensive"),
    (r"takes? the place of", "replaces"),
    (r"as it stands", "unchanged"),
    (r"in work(?! items?)", "in progress"),
    (r"(?:files?|objects?|rows?|bytes|records?) lies?", "is, are"),
    (r"behind (?:what|the recorded|the last recorded|the confirmed)", "after"),
    (r"(?:has its|have their) turn", "waits, wait"),
    (r"not heard of", "silent, unknown"),
    (r"nothing half(?![ -]done)", "no partial output"),
    (r"line without end|without bottom", "unterminated, deeply nested"),
    (r"does not mind|do not mind", "is not affected by, tolerates"),
    (r"as people have (?:it|them)", "realistic"),
    (r"of elsewhere", "of another system"),
]

# In code, in prose about it, and in the names of files.
NAMES = [
    (r"kMost[A-Z]\w*|most_(?!common\b)\w+", "kMax*, max_*"),
    (r"kLeast[A-Z]\w*|least_\w+", "kMin*, min_*"),
    (r"about_rows", "estimated_rows"),
    (r"WriteGate|write_gate", "ConcurrencyLimiter"),
    (r"(?:Query)?Pacer|PaceFlags|(?:query_)?pacer(?:_test)?\.(?:h|cc)|pace_flags", "RateLimiter, ThroughputFlags"),
    (r"Halt::Because", "StopSource::RequestStop"),
    (r"Verdict|JudgeImportReply", "ImportOutcome, ClassifyImportResponse"),
    (r"\w+_(?:reply|answers?)(?:_test)?\.(?:h|cc)", "*_response"),
    (r"DeadLetter", "DeadLetterQueue"),
    (r"Intake|intake\.(?:h|cc)", "NotificationRouter"),
    (r"AddWaiting|OfferWaiting", "AddBlocking, OfferBlocking"),
    (r"WhetherAgain", "RetryDecision"),
    (r"WaitingFeed|waiting_feed(?:_\w+)?", "HeldObjectRetryFeed"),
    (r"\w+Cutter|\w+_cutter", "*Splitter, *_splitter"),
    (r"HeldRows", "BufferedRows"),
    (r"(?:Column|Stay)Tally|(?:column|stay)_tally(?:_test)?", "ColumnStats, StayStats"),
    (r"ThisOwner|OwnerIsGone", "CurrentWorkerId, IsWorkerDead"),
    (r"CloudDialect", "CloudProtocol"),
    (r"aws_key_fetchers", "aws_credential_providers"),
    (r"child_output", "subprocess"),
    (r"(?:counted|live_lines|plan_words)(?:_test)?\.(?:h|cc)", "pluralize.h, progress_lines.h, plan_names.h"),
    (r"FakeWorld|fake_world", "PipelineSimulation, pipeline_simulation.h"),
    (r"forgetful\w*", "memory_ledger"),
    (r"base/utf8_text|formats/utf8", "base/utf8"),
]




def any_of(table):
    """One pattern for a table, which is quicker than one for each entry; entry i is group i + 1."""
    return re.compile(r"\b(?:" + "|".join(f"({pattern})" for pattern, _ in table) + r")(?!\w)")


PHRASE = any_of(PHRASES)
NAME = any_of(NAMES)
# What stands before and after the text of a line: indentation, a comment sign, quotation marks.
MARGIN = re.compile(r"^\s*(?://+|#+|\"|\|)?\s*|[\"\s]+$")


def findings(path, text):
    """Yields (line, the words found, the entry) of each hit."""
    lines = [MARGIN.sub("", line) for line in text.lower().split("\n")]
    starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    for match in PHRASE.finditer(" ".join(lines)):  # so that a phrase is found where a line wraps, too
        yield bisect.bisect(starts, match.start()), match[0], PHRASES[match.lastindex - 1]
    for match in NAME.finditer(path):
        yield 1, match[0], NAMES[match.lastindex - 1]
    for match in NAME.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[0], NAMES[match.lastindex - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", action="store_true", help="print how many hits each entry has")
    count = parser.parse_args().count
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", *KINDS], check=True, capture_output=True, text=True)
    hits = {entry: 0 for entry in PHRASES + NAMES}
    for path in sorted(set(tracked.stdout.split("\0")) - LEFT_OUT - {""}):
        if not (ROOT / path).is_file():
            continue  # deleted, and not yet in a commit
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        for line, words, entry in sorted(findings(path, text)):
            hits[entry] += 1
            if not count:
                print(f"{path}:{line}: {words}: write {entry[1]}")
    if count:
        for entry, number in hits.items():
            print(f"{number:5}  {entry[0]}")
    total = sum(hits.values())
    print(f"{total} replaced words" if total else "no replaced word is in use")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
