#include <cstring>

#include "formats/byte_scan.h"
#include "formats/row_reader.h"
#include "formats/row_splitter.h"

namespace millrace {
namespace {

// More white space than this between two objects of a line separates them, whatever follows, which
// bounds the lookahead.
constexpr ptrdiff_t kMaxGap = 64 * 1024;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// A row is a line, or one of several objects in a line. Objects are searched for only where '{'
// follows '}', with or without white space between: elsewhere a line costs one search for its end.
class JsonLineSplitter : public RowSplitter {
 public:
  explicit JsonLineSplitter(bool split) : split_(split) {}

  absl::Status Split(std::string_view text, bool final, size_t max_rows, size_t* at,
                     std::vector<RowSpan>* rows) override {
    const char* const base = text.data();
    const char* const end = base + text.size();
    const char* row = base + *at;
    while (rows->size() < max_rows) {
      if (scanned_ == 0) {
        while (row < end && (IsBlank(*row) || *row == '\n')) ++row;
      }
      if (row == end) break;
      const char* row_end = RowEnd(row, end, final);
      if (row_end == nullptr) break;
      const char* next = row_end;
      while (row_end > row && IsBlank(row_end[-1])) --row_end;
      rows->push_back({static_cast<uint32_t>(row - base), static_cast<uint32_t>(row_end - base)});
      row = next;
      BeginRow();
    }
    *at = static_cast<size_t>(row - base);
    return absl::OkStatus();
  }

  void Shorten(size_t kept) override {
    scanned_ = kept;
    walked_ = kept;
  }

 private:
  // The end of the row at `row`, or null if it is not known yet.
  const char* RowEnd(const char* row, const char* end, bool final) {
    const char* at = row + scanned_;
    for (;;) {
      at = split_ ? FindLineOrObjectEnd(at, end) : FindEither(at, end, '\n', '\n');
      if (at == end) {
        if (final) return end;
        // What follows a '}' at the very end is not known.
        const bool may_end = end[-1] == '}';
        if (may_end && IsOverlong(row, end) && EndsObject(row, end)) return end;
        scanned_ = static_cast<size_t>(end - row) - (may_end ? 1 : 0);
        break;
      }
      if (*at == '\n') return at;
      const char* next = at + 1;
      while (next < end && next - at <= kMaxGap && IsBlank(*next)) ++next;
      const bool long_gap = next - at > kMaxGap;
      if (next == end && !long_gap) {
        if (final) return end;
        if (IsOverlong(row, end) && EndsObject(row, at + 1)) return at + 1;
        scanned_ = static_cast<size_t>(at - row);
        break;
      }
      if (*next == '\n' && !long_gap) return next;
      if ((long_gap || *next == '{') && EndsObject(row, at + 1)) return at + 1;
      at = next;
    }
    if (IsOverlong(row, end)) Walk(row, row + scanned_);
    return nullptr;
  }

  // The reader is about to drop the bytes of such a row.
  static bool IsOverlong(const char* row, const char* end) {
    return static_cast<size_t>(end - row) > kMaxRowBytes;
  }

  // Whether everything opened since `row` is closed at `end`.
  bool EndsObject(const char* row, const char* end) {
    Walk(row, end);
    return depth_ == 0 && !in_string_;
  }

  // Tracks strings and brackets up to `end`.
  void Walk(const char* row, const char* end) {
    const char* at = row + walked_;
    for (; at < end; ++at) {
      if (escaped_) {
        escaped_ = false;
      } else if (in_string_) {
        at = FindEither(at, end, '"', '\\');
        if (at == end) break;
        escaped_ = *at == '\\';
        in_string_ = escaped_;
      } else if (*at == '"') {
        in_string_ = true;
      } else if (*at == '{' || *at == '[') {
        ++depth_;
      } else if ((*at == '}' || *at == ']') && depth_ > 0) {
        --depth_;
      }
    }
    if (static_cast<size_t>(end - row) > walked_) walked_ = static_cast<size_t>(end - row);
  }

  void BeginRow() {
    scanned_ = 0;
    walked_ = 0;
    depth_ = 0;
    in_string_ = false;
    escaped_ = false;
  }

  const bool split_;
  size_t walked_ = 0;  // bytes of the row that the members below cover
  size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;  // the last byte was a backslash in a string
};

}  // namespace

std::unique_ptr<RowSplitter> NewJsonLineSplitter(bool split) {
  return std::make_unique<JsonLineSplitter>(split);
}

}  // namespace millrace
