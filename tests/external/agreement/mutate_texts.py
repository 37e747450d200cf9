"""What only shows in the text: syntax, duplicate keys, tags."""

import re

from kinds import bad, good

YAML, JSON = "yaml", "json"


def _lines(text):
    return text.splitlines(keepends=True)


def _texts(text, wanted):
    return text.lstrip().startswith("{") == (wanted == JSON)


def _yaml_sites(text, pattern):
    if _texts(text, YAML):
        lines = _lines(text)
        for number, line in enumerate(lines):
            if re.search(pattern, line):
                yield number, lines[:number], line, lines[number + 1:]


@bad
def key_twice_in_yaml(text):
    for number, before, line, after in _yaml_sites(text, r"^ {4}Type: AWS"):
        yield f"line {number + 1}", "".join([*before, line, line, *after])


@bad
def resource_twice_in_yaml(text):
    for number, before, line, after in _yaml_sites(text, r"^  [A-Z][A-Za-z]+:$"):
        yield f"line {number + 1}", "".join([*before, line, "    Type: AWS::SNS::Topic\n", line, *after])


@bad
def tab_in_the_indentation(text):
    for number, before, line, after in _yaml_sites(text, r"^ {6}[A-Z]"):
        yield f"line {number + 1}", "".join([*before, "\t" + line.lstrip(), *after])


@bad
def indentation_one_too_few(text):
    for number, before, line, after in _yaml_sites(text, r"^ {6}[A-Z]\w+: [^ ]+$"):
        yield f"line {number + 1}", "".join([*before, line[1:], *after])


@bad
def quote_not_closed(text):
    for number, before, line, after in _yaml_sites(text, r"'$"):
        yield f"line {number + 1}", "".join([*before, line.rstrip()[:-1] + "\n", *after])


@bad
def bracket_not_closed(text):
    for number, before, line, after in _yaml_sites(text, r"\[[^\]\[]*\]$"):
        yield f"line {number + 1}", "".join([*before, line.rstrip()[:-1] + "\n", *after])


@bad
def colon_without_a_space(text):
    for number, before, line, after in _yaml_sites(text, r"^ {6}[A-Z]\w+: [A-Za-z0-9]+$"):
        yield f"line {number + 1}", "".join([*before, line.replace(": ", ":", 1), *after])


@bad
def unknown_tag(text):
    for tag in ("!Sub", "!Ref", "!Join"):
        for number, before, line, after in _yaml_sites(text, rf"{tag} "):
            yield f"line {number + 1}", "".join([*before, line.replace(tag + " ", tag + "s ", 1), *after])


@bad
def tag_in_lower_case(text):
    for number, before, line, after in _yaml_sites(text, r"!GetAtt "):
        yield f"line {number + 1}", "".join([*before, line.replace("!GetAtt ", "!Getatt ", 1), *after])


@bad
def text_that_is_no_template(text):
    yield "all", "hello\n"
    yield "all", "- a\n- b\n"


@bad
def key_twice_in_json(text):
    if _texts(text, JSON):
        for found in re.finditer(r'"Type": "AWS::[^"]+",', text):
            yield f"byte {found.start()}", text[:found.end()] + " " + found.group() + text[found.end():]


@bad
def comma_too_many_in_json(text):
    if _texts(text, JSON):
        for found in re.finditer(r'"(?=\n *\})', text):
            yield f"byte {found.start()}", text[:found.end()] + "," + text[found.end():]


@bad
def comma_missing_in_json(text):
    if _texts(text, JSON):
        for found in re.finditer(r'",\n', text):
            yield f"byte {found.start()}", text[:found.start() + 1] + text[found.end() - 1:]


@bad
def brace_missing_in_json(text):
    if _texts(text, JSON):
        yield "end", text.rstrip()[:-1]


@bad
def single_quotes_in_json(text):
    if _texts(text, JSON):
        for found in re.finditer(r'"Type": "([^"]+)"', text):
            yield f"byte {found.start()}", text[:found.start()] + f"\"Type\": '{found.group(1)}'" + text[found.end():]


@bad
def words_after_the_end_of_json(text):
    if _texts(text, JSON):
        yield "end", text + "end\n"


@good
def comment_in_yaml(text):
    for number, before, line, after in _yaml_sites(text, r"^ {4}Type: AWS"):
        yield f"line {number + 1}", "".join([*before, "    # why it is here\n", line, *after])


@good
def windows_line_ends(text):
    yield "all", text.replace("\n", "\r\n")


@good
def no_newline_at_the_end(text):
    yield "all", text.rstrip("\n")
