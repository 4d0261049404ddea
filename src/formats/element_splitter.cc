#include "base/status.h"
#include "base/strings.h"
#include "formats/byte_scan.h"
#include "formats/row_splitter.h"

namespace millrace {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class ElementSplitter : public RowSplitter {
 public:
  ElementSplitter(JsonLayout layout, bool resumed)
      : sequence_(layout == JsonLayout::kSequence),
        expected_(sequence_ ? Expected::kElement
                            : (resumed ? Expected::kCommaOrEnd : Expected::kArray)) {}

  absl::Status Split(std::string_view text, bool final, size_t max_rows, size_t* at,
                     std::vector<RowSpan>* rows) override {
    while (rows->size() < max_rows) {
      if (!in_element_) {
        RETURN_IF_ERROR(FindElement(text, at));
        if (!in_element_) return AtEnd(final, text, at);
      }
      const size_t end = ElementEnd(text, *at + scanned_);
      if (in_element_) {
        scanned_ = text.size() - *at;
        return AtEnd(final, text, at);
      }
      rows->push_back({static_cast<uint32_t>(*at), static_cast<uint32_t>(end)});
      *at = end;
      scanned_ = 0;
      expected_ = sequence_ ? Expected::kElement : Expected::kCommaOrEnd;
    }
    return absl::OkStatus();
  }

 private:
  enum class Expected { kArray, kElement, kCommaOrEnd };

  // Moves *at to the first byte of the next element, or to the end of the text.
  absl::Status FindElement(std::string_view text, size_t* at) {
    for (; *at < text.size(); ++*at) {
      const char c = text[*at];
      if (IsSpace(c)) continue;
      switch (expected_) {
        case Expected::kArray:
          if (c != '[') return absl::DataLossError("text outside the JSON array");
          expected_ = Expected::kElement;
          break;
        case Expected::kCommaOrEnd:
          if (c != ',' && c != ']') {
            return absl::DataLossError("expected ',' or ']' after an element of the JSON array");
          }
          expected_ = c == ',' ? Expected::kElement : Expected::kArray;
          break;
        case Expected::kElement:
          if (c == ']' && !sequence_) {
            expected_ = Expected::kArray;
            break;
          }
          if (c == ',' || c == ':' || c == ']' || c == '}' || (sequence_ && c != '{')) {
            return absl::DataLossError(
                StrCat("expected a JSON object, found '", std::string_view(&c, 1), "'"));
          }
          in_element_ = true;
          depth_ = 0;
          return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  absl::Status AtEnd(bool final, std::string_view text, size_t* at) const {
    const bool may_end = !in_element_ && (sequence_ || expected_ == Expected::kArray);
    if (!final || may_end) return absl::OkStatus();
    *at = text.size();
    return absl::DataLossError(sequence_ ? "the text ends inside a JSON object"
                                         : "the text ends inside the JSON array");
  }

  // Returns the end of the element that begins at or before `at`; in_element_ stays true if the
  // text ends first. The end of objects and arrays is found by counting brackets of either kind;
  // scalars end at a comma, a bracket or white space. Whether elements are valid is not checked
  // here.
  size_t ElementEnd(std::string_view text, size_t at) {
    while (at < text.size()) {
      if (in_string_) {
        at = SkipString(text, at);
        if (!in_string_ && depth_ == 0) in_element_ = false;
        if (!in_element_) return at;
        continue;
      }
      switch (const char c = text[at]; c) {
        case '"':
          in_string_ = true;
          break;
        case '{':
        case '[':
          ++depth_;
          break;
        case '}':
        case ']':
          if (depth_ == 0) {
            in_element_ = false;
            return at;
          }
          if (--depth_ == 0) {
            in_element_ = false;
            return at + 1;
          }
          break;
        default:
          if (depth_ == 0 && (c == ',' || IsSpace(c))) {
            in_element_ = false;
            return at;
          }
      }
      ++at;
    }
    return at;
  }

  // Moves from inside a string to after its closing quote.
  size_t SkipString(std::string_view text, size_t at) {
    const char* const end = text.data() + text.size();
    const char* from = text.data() + at;
    if (escaped_) {
      escaped_ = false;
      ++from;
    }
    while (from < end) {
      from = FindEither(from, end, '"', '\\');
      if (from == end) break;
      if (*from == '"') {
        in_string_ = false;
        ++from;
        break;
      }
      escaped_ = from + 1 == end;
      from += escaped_ ? 1 : 2;
    }
    return static_cast<size_t>(from - text.data());
  }

  const bool sequence_;
  Expected expected_;
  bool in_element_ = false;
  bool in_string_ = false;
  bool escaped_ = false;  // the last byte was a backslash in a string
  size_t depth_ = 0;
};

}  // namespace

std::unique_ptr<RowSplitter> NewElementSplitter(JsonLayout layout, bool resumed) {
  return std::make_unique<ElementSplitter>(layout, resumed);
}

}  // namespace millrace
