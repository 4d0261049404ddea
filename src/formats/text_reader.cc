#include "formats/text_reader.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/decompress.h"

namespace millrace {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kMinFill = 16 * 1024;
constexpr size_t kMaxFill = 256 * 1024;  // decompressed text is scanned again while it is cached

}  // namespace

absl::StatusOr<std::unique_ptr<TextReader>> TextReader::Open(std::shared_ptr<ObjectReader> object) {
  ASSIGN_OR_RETURN(std::unique_ptr<InputStream> stream,
                   NewDecompressingStream(NewObjectStream(*object)));
  std::unique_ptr<TextReader> reader(new TextReader(std::move(object), std::move(stream)));
  ASSIGN_OR_RETURN(const std::string_view head, reader->Peek(kByteOrderMark.size()));
  if (head.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    RETURN_IF_ERROR(reader->SkipTo({0, kByteOrderMark.size()}));
  }
  return reader;
}

absl::StatusOr<std::string_view> TextReader::Peek(size_t size) {
  while (carry_.size() < size && !at_end_) {
    const absl::Status filled = Fill(carry_, size - carry_.size());
    if (filled.ok()) continue;
    // The rows before the damaged place are read first.
    if (carry_.empty()) return filled;
    break;
  }
  return carry_.view();
}

absl::Status TextReader::SkipTo(Position position) {
  if (position.byte < position_.byte) {
    return absl::InvalidArgumentError(
        StrCat("cannot resume at byte ", position.byte, ", which is before the first row"));
  }
  const uint64_t distance = position.byte - position_.byte;
  const size_t held = static_cast<size_t>(std::min<uint64_t>(distance, carry_.size()));
  ByteBuffer rest;
  rest.Append(carry_.view(held, carry_.size()));
  carry_ = std::move(rest);
  position_ = position;
  return Annotate(stream_->Skip(distance - held), StrCat("resuming at byte ", position.byte));
}

absl::StatusOr<std::unique_ptr<TextRows>> TextReader::Read(const ChunkLimits& limits) {
  RETURN_IF_ERROR(error_);
  std::unique_ptr<TextRows> rows = pool_->Take();
  rows->text.Append(carry_.view());
  carry_.clear();
  size_t at = 0;
  error_ = Split(limits, *rows, &at);
  carry_.Append(rows->text.view(at, rows->text.size()));
  if (rows->rows.empty()) {
    RETURN_IF_ERROR(error_);
    return nullptr;
  }
  rows->first_row = position_.row;
  // Right after the row: the bytes before the next one are skipped again when reading resumes.
  const uint64_t text_begin = position_.byte + dropped_;
  rows->after = {position_.row + rows->rows.size(), text_begin + rows->rows.back().end};
  position_ = {rows->after.row, text_begin + at};
  dropped_ = 0;
  const double mean = static_cast<double>(at) / static_cast<double>(rows->rows.size());
  row_bytes_ += (mean - row_bytes_) / 2;
  return rows;
}

// Fills `rows` up to a limit, the end or an error. *at is set to the position after the last row.
absl::Status TextReader::Split(const ChunkLimits& limits, TextRows& rows, size_t* at) {
  for (;;) {
    const size_t before = rows.rows.size();
    const absl::Status cut =
        splitter_->Split(rows.text.view(), at_end_, limits.rows, at, &rows.rows);
    MarkOverlong(rows, before);
    if (!cut.ok()) {
      const uint64_t place = position_.byte + dropped_ + *at;
      return absl::Status(cut.code(), StrCat(cut.message(), " at byte ", place, " of the text"));
    }
    if (rows.rows.size() >= limits.rows || at_end_) return absl::OkStatus();
    const bool overlong = rows.text.size() - *at > kMaxRowBytes;
    const bool full = overlong || rows.text.size() >= limits.bytes;
    if (full && !rows.rows.empty()) return absl::OkStatus();
    if (overlong) ShortenRow(rows.text, *at);
    RETURN_IF_ERROR(Fill(rows.text, WantedBytes(limits, rows)));
  }
}

// Marks the overlong rows from `first` on.
void TextReader::MarkOverlong(TextRows& rows, size_t first) const {
  if (dropped_ == 0 && rows.text.size() <= kMaxRowBytes) return;
  for (size_t i = first; i < rows.rows.size(); ++i) {
    const uint64_t size = rows.row(i).size() + (i == 0 ? dropped_ : 0);
    if (size > kMaxRowBytes) rows.overlong.push_back({i, size});
  }
}

// Frees most of the unfinished row at `at`, the first of its chunk.
void TextReader::ShortenRow(ByteBuffer& text, size_t at) {
  dropped_ += text.size() - at - kKeptOfOverlong;
  text.Truncate(at + kKeptOfOverlong);
  splitter_->Shorten(kKeptOfOverlong);
}

size_t TextReader::WantedBytes(const ChunkLimits& limits, const TextRows& rows) const {
  const double rows_left = static_cast<double>(limits.rows - rows.rows.size());
  const double wanted = std::min(rows_left * row_bytes_ * 1.02 + 1024.0, double{kMaxFill});
  const size_t room = limits.bytes > rows.text.size() ? limits.bytes - rows.text.size() : kMaxFill;
  return std::max(std::min(static_cast<size_t>(wanted), room), kMinFill);
}

absl::Status TextReader::Fill(ByteBuffer& text, size_t size) {
  RETURN_IF_ERROR(stream_error_);
  const absl::StatusOr<size_t> read = stream_->Read({text.Reserve(size), size});
  if (!read.ok()) return stream_error_ = read.status();
  text.Commit(*read);
  at_end_ = *read == 0;
  return absl::OkStatus();
}

}  // namespace millrace
