"""What bqemulator's SQL lacks."""
from bqemulator.sql.rules import TranslationRule, register
from sqlglot import exp


@register
class MemberByName(TranslationRule):
    """`json[name]` with a column: DuckDB takes a name that begins with '$' for a path, so it becomes a path."""

    name = "JSON_MEMBER_BY_NAME"

    def applies_to(self, node):
        return isinstance(node, exp.Bracket) and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Column)

    def rewrite(self, node):
        def call(function, *args):
            return exp.Anonymous(this=function, expressions=list(args))
        escaped = node.expressions[0].copy()
        for character in ("\\", '"'):
            escaped = call("replace", escaped, exp.Literal.string(character), exp.Literal.string("\\" + character))
        path = call("concat", exp.Literal.string('$."'), escaped, exp.Literal.string('"'))
        return call("json_extract", node.this.copy(), path)
