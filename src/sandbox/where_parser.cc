#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/where_node_internal.h"

namespace millrace::sandbox {
namespace {

using Node = WhereExpression::Node;
using NodePtr = std::unique_ptr<Node>;

constexpr size_t kMaxBytes = 16 << 10;
constexpr int kMaxDepth = 64;

struct Token {
  enum class Kind { kEnd, kWord, kText, kNumber, kSign } kind = Kind::kEnd;
  std::string text;  // a text without quotes and escapes
  double number = 0;
  size_t at = 0;
};

bool IsWordChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

absl::Status Wrong(size_t at, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("invalid expression: at character ", at + 1, ": ", why));
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  absl::StatusOr<Token> Next() {
    while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    Token token;
    token.at = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == '"' || c == '\'') return Text(std::move(token));
    if (IsDigit(c) || (c == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1]))) {
      return Number(std::move(token));
    }
    if (IsWordChar(c)) {
      token.kind = Token::Kind::kWord;
      while (at_ < text_.size() && IsWordChar(text_[at_])) token.text += text_[at_++];
      return token;
    }
    token.kind = Token::Kind::kSign;
    constexpr std::array<std::string_view, 4> kPairs = {"==", "!=", "<=", ">="};
    for (const std::string_view pair : kPairs) {
      if (text_.substr(at_, 2) == pair) token.text = pair;
    }
    if (token.text.empty()) {
      if (std::string_view("<>+-*/%()[],").find(c) == std::string_view::npos) {
        return Wrong(at_, "unexpected character");
      }
      token.text = c;
    }
    at_ += token.text.size();
    return token;
  }

 private:
  absl::StatusOr<Token> Text(Token token) {
    const char quote = text_[at_++];
    token.kind = Token::Kind::kText;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        const char escaped = text_[++at_];
        token.text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      } else {
        token.text += text_[at_];
      }
    }
    if (at_ == text_.size()) return Wrong(token.at, "the text has no end");
    ++at_;
    return token;
  }

  absl::StatusOr<Token> Number(Token token) {
    token.kind = Token::Kind::kNumber;
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (IsWordChar(text_[at_]) || text_[at_] == '.' ||
            ((text_[at_] == '-' || text_[at_] == '+') && (text_[at_ - 1] | 0x20) == 'e'))) {
      ++at_;
    }
    token.text = text_.substr(begin, at_ - begin);
    if (!absl::SimpleAtod(token.text, &token.number) || !std::isfinite(token.number)) {
      return Wrong(begin, "not a number");
    }
    return token;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

struct Function {
  std::string_view name;
  WhereOp op;
  size_t arguments;
};
constexpr auto kFunctions = std::to_array<Function>({{"defined", WhereOp::kDefined, 1},
                                                     {"floor", WhereOp::kFloor, 1},
                                                     {"round", WhereOp::kRound, 1},
                                                     {"ceil", WhereOp::kCeil, 1},
                                                     {"string", WhereOp::kString, 1},
                                                     {"number", WhereOp::kNumber, 1},
                                                     {"boolean", WhereOp::kBoolean, 1},
                                                     {"datetime", WhereOp::kDatetime, 1},
                                                     {"has_prefix", WhereOp::kHasPrefix, 2},
                                                     {"has_suffix", WhereOp::kHasSuffix, 2}});

struct Binary {
  std::string_view sign;
  WhereOp op;
};
constexpr auto kOr = std::to_array<Binary>({{"or", WhereOp::kOr}});
constexpr auto kAnd = std::to_array<Binary>({{"and", WhereOp::kAnd}});
constexpr auto kCompare = std::to_array<Binary>({{"==", WhereOp::kEqual},
                                                 {"!=", WhereOp::kNotEqual},
                                                 {"<", WhereOp::kLess},
                                                 {"<=", WhereOp::kLessOrEqual},
                                                 {">", WhereOp::kGreater},
                                                 {">=", WhereOp::kGreaterOrEqual},
                                                 {"in", WhereOp::kIn}});
constexpr auto kSum = std::to_array<Binary>({{"+", WhereOp::kAdd}, {"-", WhereOp::kSubtract}});
constexpr auto kProduct = std::to_array<Binary>(
    {{"*", WhereOp::kMultiply}, {"/", WhereOp::kDivide}, {"%", WhereOp::kRemainder}});

NodePtr NodeOf(WhereOp op) {
  auto node = std::make_unique<Node>();
  node->op = op;
  return node;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  absl::StatusOr<NodePtr> All() {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(NodePtr node, Expression());
    if (token_.kind != Token::Kind::kEnd) return Wrong(token_.at, "expected an operator");
    return node;
  }

 private:
  using Rule = absl::StatusOr<NodePtr> (Parser::*)();

  absl::Status Advance() {
    ASSIGN_OR_RETURN(token_, lexer_.Next());
    return absl::OkStatus();
  }
  bool IsSign(std::string_view sign) const {
    return token_.kind == Token::Kind::kSign && token_.text == sign;
  }
  bool IsWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }
  absl::Status Expect(std::string_view sign) {
    if (!IsSign(sign)) return Wrong(token_.at, StrCat("expected ", sign));
    return Advance();
  }

  absl::StatusOr<NodePtr> Expression() {
    if (++depth_ > kMaxDepth) return Wrong(token_.at, "nested too deeply");
    ASSIGN_OR_RETURN(NodePtr node, Chain(kOr, &Parser::Conjunction));
    --depth_;
    return node;
  }
  absl::StatusOr<NodePtr> Conjunction() { return Chain(kAnd, &Parser::Negation); }
  absl::StatusOr<NodePtr> Negation() {
    if (!IsWord("not")) return Chain(kCompare, &Parser::Sum);
    return Unary(WhereOp::kNot, &Parser::Negation);
  }
  absl::StatusOr<NodePtr> Sum() { return Chain(kSum, &Parser::Product); }
  absl::StatusOr<NodePtr> Product() { return Chain(kProduct, &Parser::Signed); }
  absl::StatusOr<NodePtr> Signed() {
    if (!IsSign("-")) return Primary();
    return Unary(WhereOp::kNegate, &Parser::Signed);
  }

  absl::StatusOr<NodePtr> Unary(WhereOp op, Rule operand) {
    if (++depth_ > kMaxDepth) return Wrong(token_.at, "nested too deeply");
    RETURN_IF_ERROR(Advance());
    NodePtr node = NodeOf(op);
    ASSIGN_OR_RETURN(NodePtr inner, (this->*operand)());
    node->operands.push_back(std::move(inner));
    --depth_;
    return node;
  }

  // Operands of `rule` between operators of `operators`, from left to right.
  template <size_t N>
  absl::StatusOr<NodePtr> Chain(const std::array<Binary, N>& operators, Rule rule) {
    ASSIGN_OR_RETURN(NodePtr left, (this->*rule)());
    int links = 0;
    for (;;) {
      const Binary* found = nullptr;
      for (const Binary& candidate : operators) {
        if (IsSign(candidate.sign) || IsWord(candidate.sign)) found = &candidate;
      }
      if (found == nullptr) return left;
      // Evaluation descends once for each.
      if (++links > 1000) return Wrong(token_.at, "too many operators");
      RETURN_IF_ERROR(Advance());
      NodePtr node = NodeOf(found->op);
      ASSIGN_OR_RETURN(NodePtr right, (this->*rule)());
      node->operands.push_back(std::move(left));
      node->operands.push_back(std::move(right));
      left = std::move(node);
    }
  }

  absl::StatusOr<NodePtr> Primary() {
    switch (token_.kind) {
      case Token::Kind::kText:
        return Literal(token_.text);
      case Token::Kind::kNumber:
        return Literal(token_.number);
      case Token::Kind::kWord:
        return Word();
      case Token::Kind::kSign:
        if (IsSign("(")) {
          RETURN_IF_ERROR(Advance());
          ASSIGN_OR_RETURN(NodePtr node, Expression());
          RETURN_IF_ERROR(Expect(")"));
          return node;
        }
        if (IsSign("[")) return List();
        break;
      case Token::Kind::kEnd:
        break;
    }
    return Wrong(token_.at, "expected a value");
  }

  absl::StatusOr<NodePtr> Literal(nlohmann::json value) {
    NodePtr node = NodeOf(WhereOp::kLiteral);
    node->value = std::move(value);
    RETURN_IF_ERROR(Advance());
    return node;
  }

  absl::StatusOr<NodePtr> List() {
    NodePtr node = NodeOf(WhereOp::kList);
    RETURN_IF_ERROR(Advance());
    while (!IsSign("]")) {
      if (!node->operands.empty()) RETURN_IF_ERROR(Expect(","));
      ASSIGN_OR_RETURN(NodePtr element, Expression());
      node->operands.push_back(std::move(element));
    }
    RETURN_IF_ERROR(Advance());
    return node;
  }

  absl::StatusOr<NodePtr> Word() {
    const Token word = token_;
    if (word.text == "true" || word.text == "false") return Literal(word.text == "true");
    RETURN_IF_ERROR(Advance());
    if (word.text == "properties") return Named(ValuesOf::kProperties);
    if (word.text == "user") return Named(ValuesOf::kUser);
    if (word.text == "event") return Named(ValuesOf::kEvent);
    if (word.text == "any") return Any();
    for (const Function& function : kFunctions) {
      if (function.name == word.text) return Call(function);
    }
    for (const std::string& name : names_) {
      if (name != word.text) continue;
      NodePtr node = NodeOf(WhereOp::kElement);
      node->text = name;
      return node;
    }
    return Wrong(word.at, StrCat("unknown name ", Shorten(word.text, 50)));
  }

  absl::StatusOr<NodePtr> Named(ValuesOf of) {
    RETURN_IF_ERROR(Expect("["));
    if (token_.kind != Token::Kind::kText) return Wrong(token_.at, "expected a name in quotes");
    NodePtr node = NodeOf(WhereOp::kName);
    node->of = of;
    node->text = token_.text;
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(Expect("]"));
    return node;
  }

  absl::StatusOr<NodePtr> Call(const Function& function) {
    NodePtr node = NodeOf(function.op);
    RETURN_IF_ERROR(Expect("("));
    for (size_t i = 0; i < function.arguments; ++i) {
      if (i > 0) RETURN_IF_ERROR(Expect(","));
      ASSIGN_OR_RETURN(NodePtr argument, Expression());
      node->operands.push_back(std::move(argument));
    }
    RETURN_IF_ERROR(Expect(")"));
    return node;
  }

  absl::StatusOr<NodePtr> Any() {
    NodePtr node = NodeOf(WhereOp::kAny);
    RETURN_IF_ERROR(Expect("("));
    if (token_.kind != Token::Kind::kWord) return Wrong(token_.at, "expected a name");
    node->text = token_.text;
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(NodePtr list, Expression());
    RETURN_IF_ERROR(Expect(","));
    names_.push_back(node->text);
    ASSIGN_OR_RETURN(NodePtr test, Expression());
    names_.pop_back();
    RETURN_IF_ERROR(Expect(")"));
    node->operands.push_back(std::move(list));
    node->operands.push_back(std::move(test));
    return node;
  }

  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  std::vector<std::string> names_;  // that any() gave
};

}  // namespace

absl::StatusOr<NodePtr> ParseWhere(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        StrCat("invalid expression: longer than ", kMaxBytes, " bytes"));
  }
  return Parser(text).All();
}

}  // namespace millrace::sandbox
