"""Every check of lint: what it finds, why that matters, and an example of it, mended as well."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "hint"]

Subject = Literal["query", "rule", "list", "folder"]
"""What an example is: a query, lines of a rule or of a list, or the names of files."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `bad` trips it and `good` does not; both are `subject`s."""

    code: str
    severity: Severity
    title: str
    why: str
    subject: Subject = "query"
    bad: str
    good: str


GROUPS: Mapping[str, str] = {
    "R1": "What cannot be read",
    "R2": "What the words say together",
    "R3": "How much it takes in",
    "R4": "Persons and groups",
    "R5": "What a rule must have",
    "R6": "Keyword lists",
    "R7": "Guidance",
}
"""What the checks whose code begins so are about."""

_ALL = (
    Check(
        code="R101",
        severity="error",
        title="The query cannot be read.",
        why="A bracket, a quote or a word is missing, or something stands where it cannot. The "
        "message says what was expected there. A rule that cannot be read does not run.",
        bad="(fatbike OR scooter overlast",
        good="(fatbike OR scooter) overlast",
    ),
    Check(
        code="R102",
        severity="error",
        title="The query says only what must not occur.",
        why="Such a query matches nearly every post. Say what you look for, and then what you do "
        "not want.",
        bad="NOT korting*",
        good="fatbike NOT korting*",
    ),
    Check(
        code="R103",
        severity="error",
        title="There is no such keyword list, or not in that version.",
        why="The name after `$` must be that of a file in `config/lists`, and the number after "
        "`@` a version of it. `peil rules list` shows which there are.",
        bad="$vervoor NEAR/8 overlast",
        good="$vervoer NEAR/8 overlast",
    ),
    Check(
        code="R104",
        severity="error",
        title="The query asks for a person.",
        why="peil shows what is talked about and never who talks. There is no way to ask for an "
        "account, and there will be none.",
        bad="overlast from:jan",
        good="overlast",
    ),
    Check(
        code="R105",
        severity="error",
        title="The file of a rule or a list cannot be read.",
        why="It is no TOML, or not what a rule or a list must be; the message says where. Or its "
        "name ends in `.TOML` or nearly so, and not in `.toml`. Nothing else in the folder waits "
        "for it, and a version of the rule that counts goes on. It can be neither brought in nor "
        "reviewed before it is mended.",
        subject="folder",
        bad='rules/woningnood.toml toml=title = "Housing',
        good="rules/woningnood.toml",
    ),
    Check(
        code="R201",
        severity="error",
        title="The query can never be true.",
        why="What it asks for excludes itself, so no post will ever match: a word that must and "
        "must not occur, two languages at once, days that do not meet, more members than can be "
        "there together.",
        bad="overlast lang:nl lang:en",
        good="overlast lang:nl,en",
    ),
    Check(
        code="R202",
        severity="warning",
        title="A branch of an OR can never be true.",
        why="Something around it rules it out. It was meant to find posts and finds none.",
        bad="lang:nl (overlast OR nuisance lang:en)",
        good="overlast lang:nl OR nuisance lang:en",
    ),
    Check(
        code="R203",
        severity="error",
        title="The rule matches posts whatever is said in them.",
        why="A language, a source or a kind alone is enough, so the rule matches everything in "
        "it. Everything that a rule matches is kept longer: a rule must have words. In a search "
        "this is no mistake, and nothing is said.",
        subject="rule",
        bad='query = "fatbike OR lang:nl"',
        good='query = "fatbike lang:nl"',
    ),
    Check(
        code="R204",
        severity="warning",
        title="Another branch or entry covers this one.",
        why="Whatever it matches, the other one matches as well: the same word twice, a word and "
        "its prefix, a phrase and a word of it, a hashtag and its word, a NEAR and a wider one. "
        "It can be taken out and nothing changes; while it stands there, readers think that it "
        "does something.",
        bad="huurprij* OR huurprijzen",
        good="huurprij*",
    ),
    Check(
        code="R205",
        severity="hint",
        title="A condition follows from another one.",
        why="Where the other one is true this one is as well. It can be taken out and nothing "
        "changes. Perhaps something else was meant.",
        bad='"geen woning" woning',
        good='"geen woning"',
    ),
    Check(
        code="R206",
        severity="warning",
        title="One word counts for two members.",
        why="`2 OF (…)` is meant to want two different signs. Where one member is true whenever "
        "another one is, a single word makes two.",
        bad="2 OF (rellen, rell*, explosie)",
        good="2 OF (rell*, explosie)",
    ),
    Check(
        code="R301",
        severity="warning",
        title="A term of one or two letters is enough to match.",
        why="Such a short word means many things, and in other languages others. Put a second "
        "word beside it, or write it out.",
        bad="ov OR treinen",
        good="ov NEAR/5 vertraging OR treinen",
    ),
    Check(
        code="R302",
        severity="warning",
        title="The query takes in a large share of all posts.",
        why="More than one of twenty recent posts have a word that is enough for it. A rule that "
        "wide names no phenomenon, and all that it matches is kept longer. The share is a lower "
        "bound, made of counts that may be shown; without an index nothing is said.",
        bad="vandaag OR morgen",
        good="(vandaag OR morgen) NEAR/5 demonstratie",
    ),
    Check(
        code="R303",
        severity="hint",
        title="A prefix stands for very many words.",
        why="More than 200 different words in the index begin so. Nobody has read them all, and "
        "among them are some that you do not mean. Make it longer, or write out the words.",
        bad="verk*",
        good="verkiezing*",
    ),
    Check(
        code="R304",
        severity="warning",
        title="The rule is expensive.",
        why="It takes fifty operations or more for each post that comes in: one sentence, a field "
        "or a phrase near a phrase is looked at again in every post that has the words, and these "
        "are frequent. That is about fifteen microseconds, as much as ten thousand ordinary rules "
        "take together. The number is an upper bound, made of counts that may be shown; an "
        "ordinary rule is cheap, with less than one. What an operation takes was measured "
        "(`bench/rule_cost.py`): from 28,835 real posts and a table of how often each word is in "
        "them, rules of frequent and of rare words were drawn, and each was matched alone.",
        subject="rule",
        bad='query = "vandaag NEAR/S (morgen OR maandag OR dinsdag OR woensdag OR donderdag OR '
        "vrijdag OR zaterdag OR zondag OR straks OR ochtend OR middag OR avond OR nacht OR week "
        'OR maand OR jaar)"',
        good='query = "demonstratie NEAR/S (morgen OR maandag OR dinsdag OR woensdag)"',
    ),
    Check(
        code="R305",
        severity="hint",
        title="The cost of the rule is moderate.",
        why="It takes five operations or more for each post that comes in, a tenth of what R304 "
        "is about, for the same reasons. A few such rules are no harm.",
        subject="rule",
        bad='query = "vandaag NEAR/S morgen"',
        good='query = "vandaag NEAR/S demonstratie"',
    ),
    Check(
        code="R401",
        severity="error",
        title="A name of a group alone is enough to match.",
        why="A religion, an origin, a nationality or an orientation is not a phenomenon. Put the "
        "behaviour beside it that you look for. A language, a date, or another group beside it "
        "is not enough, nor is another way to write the name. The names are in "
        "`config/lists/protected.toml`.",
        bad="moslims OR moskee lang:nl",
        good="moslims NEAR/5 bedreigd OR moskee lang:nl",
    ),
    Check(
        code="R402",
        severity="error",
        title="A term is written as an account.",
        why="Names of accounts are taken out of texts before anything is kept, so this would "
        "find nothing; and peil does not look for persons.",
        bad='"dank u/jandevries" OR compliment',
        good="compliment",
    ),
    Check(
        code="R403",
        severity="error",
        title="A term would be taken out of texts because it leads to a person.",
        why="A telephone number, an e-mail address, a bank account or a citizen number is "
        "scrubbed before anything is kept. A query for it finds nothing, and it must not stand "
        "in a rule.",
        bad='"06 12345678" OR compliment',
        good="compliment",
    ),
    Check(
        code="R404",
        severity="hint",
        title="This may be the name of a person.",
        why="Two words with capitals in quotes or after `case:` are often a first and a last "
        "name. If it is a place, an organisation or a title, all is well.",
        bad='case:"Jan Jansen" woning',
        good="burgemeester woning",
    ),
    Check(
        code="R405",
        severity="warning",
        title="A phrase is so long that it is one person's text.",
        why="Eight words in a row are found in one post and its copies. What many people say is "
        "said in many ways: take the two or three words that matter.",
        bad='"ik heb gisteren met mijn buurman over woningnood gepraat"',
        good='"over woningnood"',
    ),
    Check(
        code="R406",
        severity="error",
        title="Nobody can say now whether a name of a group alone is enough.",
        why="The list that names groups of people cannot be read, so R401 is blind. Rules that "
        "count go on; no other one begins to count before that file is mended.",
        subject="folder",
        bad="rules/woningnood.toml\nlists/protected.toml toml=lint = true, entries = [",
        good="rules/woningnood.toml",
    ),
    Check(
        code="R501",
        severity="error",
        title="The title, purpose, owner or category of a rule is empty.",
        why="A rule is run for a purpose that can be checked, and somebody answers for it.",
        subject="rule",
        bad='purpose = ""',
        good='purpose = "Where nuisance is felt, so that a team can go there"',
    ),
    Check(
        code="R502",
        severity="warning",
        title="There is no example that must match, or none that must not.",
        why="`peil rules test` runs the examples. They show what is meant, and they fail when a "
        "later change breaks it.",
        subject="rule",
        bad="no_match = []",
        good='[[no_match]]\ntext = "de trein had vertraging"',
    ),
    Check(
        code="R503",
        severity="warning",
        title="The rule has expired.",
        why="It does not run any more. Look whether it is still needed, and set a new date.",
        subject="rule",
        bad="expires = 2026-11-01",
        good="expires = 2027-03-01",
    ),
    Check(
        code="R504",
        severity="warning",
        title="The rule does not expire within six months.",
        why="What people talk about, and the words for it, change. Every rule is looked at "
        "again at least twice a year.",
        subject="rule",
        bad="expires = 2029-01-01",
        good="expires = 2027-03-01",
    ),
    Check(
        code="R505",
        severity="error",
        title="Two rules have the same name.",
        why="Capitals and marks do not make two names different: on some computers both would be "
        "one file, and readers would mix them up.",
        subject="folder",
        bad="rules/woning-nood.toml\nrules/woningnood.toml",
        good="rules/woningnood.toml\nrules/wachtlijst.toml",
    ),
    Check(
        code="R506",
        severity="warning",
        title="Two rules ask for the same.",
        why="Every post of one is one of the other. Keep one of them.",
        subject="folder",
        bad="rules/wachtlijst.toml query=wachtlijst\nrules/wachten.toml query=wachtlijst",
        good="rules/wachtlijst.toml query=wachtlijst\nrules/wachten.toml query=wachttijd",
    ),
    Check(
        code="R507",
        severity="error",
        title="A text of the rule or the list leads to a person.",
        why="Titles, purposes and examples are read by many and kept for long. Write an example "
        "yourself; do not copy a post.",
        subject="rule",
        bad='[[match]]\ntext = "bel mij op 06 12345678 over die fatbikes"',
        good='[[match]]\ntext = "ik wil klagen over die fatbikes"',
    ),
    Check(
        code="R601",
        severity="error",
        title="An entry of a list cannot be read, or has no place in a text.",
        why="Entries are words, phrases and prefixes, so that a list can stand beside NEAR. "
        "Conditions belong in the rule.",
        subject="list",
        bad='entries = ["scooter", "fatbike AND overlast"]',
        good='entries = ["scooter", "fatbike*"]',
    ),
    Check(
        code="R602",
        severity="error",
        title="A list has no entries.",
        why="It can never be true, and nor can what wants it.",
        subject="list",
        bad="entries = []",
        good='entries = ["scooter"]',
    ),
    Check(
        code="R603",
        severity="error",
        title="A list is not what its version was, or went back to an older one.",
        why="Rules were counted with the entries of a version, so they stay as they were. With a "
        "higher number the list can be brought in; until then rules go on with the last one.",
        subject="folder",
        bad="lists/vervoer@3.toml entries=scooter\nlists/vervoer.toml version=2 entries=fiets",
        good="lists/vervoer@3.toml entries=scooter\nlists/vervoer.toml version=4 entries=fiets",
    ),
    Check(
        code="R701",
        severity="warning",
        title="A rule has no guidance.",
        why="Whoever meets the phenomenon at work wants to know what it is and what can be done. "
        "A folder that keeps no guidance at all is not told.",
        subject="folder",
        bad="rules/woningnood.toml\nrules/wachtlijst.toml\nguidance/woningnood.en.md",
        good="rules/woningnood.toml\nguidance/woningnood.en.md",
    ),
    Check(
        code="R702",
        severity="warning",
        title="There is guidance without a rule.",
        why="Nobody will see it. The rule was taken out, or has another name.",
        subject="folder",
        bad="rules/woningnood.toml\nguidance/woningnood.en.md\nguidance/wonen.en.md",
        good="rules/woningnood.toml\nguidance/woningnood.en.md",
    ),
    Check(
        code="R703",
        severity="error",
        title="Guidance leads to a person.",
        why="Pages of guidance name organisations and their numbers, not people.",
        subject="folder",
        bad="rules/woningnood.toml\nguidance/woningnood.en.md text=Mail jan.jansen@example.org",
        good="rules/woningnood.toml\nguidance/woningnood.en.md text=Call 0800-1234",
    ),
    Check(
        code="R704",
        severity="warning",
        title="A page of guidance cannot be read.",
        why="It is not shown; the other pages are, and the rule runs. A page is Markdown with one "
        "title (#) and sections (##), without HTML, called after its rule and language.",
        subject="folder",
        bad="rules/woningnood.toml\nguidance/woningnood.en.md text=<b>Call</b> 0800-1234",
        good="rules/woningnood.toml\nguidance/woningnood.en.md text=Call 0800-1234",
    ),
)

CHECKS: Mapping[str, Check] = {each.code: each for each in _ALL}
"""Every check by its code. Codes do not change, and one that is given up is not used again."""

HEAD = """# Checks of rules

`peil rules check` looks at every rule and list before it runs, and the same checks look at \
searches. An *error* keeps a rule from running, a *warning* should be looked at, a *hint* may be \
right as it is. What a check says is so: where something cannot be decided, nothing is said.

`peil rules check --explain R204` shows one of these checks, and \
`peil rules check --explain all` writes this page.
"""


def page() -> str:
    """All checks as a page in Markdown."""
    parts = [HEAD]
    for begin, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [entry(each) for each in CHECKS.values() if each.code.startswith(begin)]
    return "\n".join(parts)


def entry(check: Check) -> str:
    """One check in Markdown, with its example and how that is mended."""
    kind = "toml" if check.subject in ("rule", "list") else "text"
    return (
        f"### {check.code}: {check.title}\n\n*{check.severity}* · {check.why}\n\n"
        f"Trips it:\n\n```{kind}\n{check.bad}\n```\n\nMended:\n\n```{kind}\n{check.good}\n```\n"
    )
