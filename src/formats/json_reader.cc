#include "formats/json_reader.h"

#include <utility>

#include "base/status.h"
#include "formats/decode_scratch.h"
#include "formats/json_decoder.h"

namespace millrace {
namespace {

constexpr size_t kHeadBytes = 64 * 1024;

class JsonChunk : public TextChunk {
 public:
  JsonChunk(std::unique_ptr<TextRows> rows, std::shared_ptr<TextRowsPool> pool, bool lines)
      : TextChunk(std::move(rows), std::move(pool)), lines_(lines) {}

  void ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) override {
    ScratchIn<JsonDecoder>(scratch.parts().json).Decode(rows(), lines_, visitor);
  }

 private:
  const bool lines_;
};

class JsonReader : public RowReader {
 public:
  JsonReader(std::unique_ptr<TextReader> text, bool lines)
      : text_(std::move(text)), lines_(lines) {}

  absl::StatusOr<std::unique_ptr<RowChunk>> Read(const ChunkLimits& limits) override {
    ASSIGN_OR_RETURN(std::unique_ptr<TextRows> rows, text_->Read(limits));
    if (rows == nullptr) return nullptr;
    return std::make_unique<JsonChunk>(std::move(rows), text_->pool(), lines_);
  }
  FileType type() const override { return FileType::kNdjson; }
  uint64_t raw_bytes() const override { return text_->raw_bytes(); }

 private:
  const std::unique_ptr<TextReader> text_;
  const bool lines_;
};

size_t FirstNonSpace(std::string_view text, size_t from) {
  return text.find_first_not_of(" \t\r\n", from);
}

// How many more brackets `line` opens than it closes, outside of strings.
int OpenBrackets(std::string_view line) {
  int open = 0;
  bool in_string = false;
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      open += c == '{' || c == '[' ? 1 : (c == '}' || c == ']' ? -1 : 0);
    }
  }
  return open;
}

// An object over several lines: its first line leaves it open, and the next line does not begin
// another object (as it would if an NDJSON line were just truncated).
bool IsMultiLineObject(std::string_view head) {
  const size_t begin = FirstNonSpace(head, 0);
  if (begin == std::string_view::npos || head[begin] != '{') return false;
  const size_t line_end = head.find('\n', begin);
  if (line_end == std::string_view::npos) return false;
  if (OpenBrackets(head.substr(begin, line_end - begin)) <= 0) return false;
  const size_t next = FirstNonSpace(head, line_end);
  return next != std::string_view::npos && head[next] != '{';
}

}  // namespace

std::unique_ptr<RowChunk> NewJsonChunk(std::unique_ptr<TextRows> rows,
                                       std::shared_ptr<TextRowsPool> pool) {
  return std::make_unique<JsonChunk>(std::move(rows), std::move(pool), /*lines=*/true);
}

absl::StatusOr<std::unique_ptr<RowReader>> NewJsonReader(std::unique_ptr<TextReader> text,
                                                         const ReadOptions& options) {
  ASSIGN_OR_RETURN(const std::string_view head, text->Peek(kHeadBytes));
  const size_t first = FirstNonSpace(head, 0);
  const bool array = first != std::string_view::npos && head[first] == '[';
  const bool lines = !array && !IsMultiLineObject(head);
  const Position from = options.from;
  const bool resumed = from.byte > text->position().byte;
  if (lines) {
    text->set_splitter(NewJsonLineSplitter(options.split_lines));
  } else {
    const JsonLayout layout = array ? JsonLayout::kArray : JsonLayout::kSequence;
    text->set_splitter(NewElementSplitter(layout, resumed));
  }
  if (resumed) RETURN_IF_ERROR(text->SkipTo(from));
  return std::make_unique<JsonReader>(std::move(text), lines);
}

}  // namespace millrace
