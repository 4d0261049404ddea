#include "formats/json_decoder.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "formats/utf8.h"

namespace millrace {
namespace {

constexpr size_t kMostKeys = 10'000;

absl::Status InvalidJson(std::string_view what, size_t at) {
  return absl::InvalidArgumentError(StrCat("invalid JSON: ", what, " at byte ", at, " of the row"));
}

// Why the index refused a row that is UTF-8: finds the place that it does not tell.
absl::Status BrokenString(std::string_view row) {
  bool in_string = false;
  size_t begin = 0;
  for (size_t at = 0; at < row.size(); ++at) {
    if (row[at] == '\\') {
      ++at;
    } else if (row[at] == '"') {
      in_string = !in_string;
      begin = at;
    } else if (in_string && static_cast<unsigned char>(row[at]) < 0x20) {
      return InvalidJson("a control character in a string must be escaped", at);
    }
  }
  return InvalidJson("a string is not closed, it begins", begin);
}

}  // namespace

void JsonDecoder::Decode(TextRows& rows, bool lines, RowVisitor& visitor) {
  multiline_ = !lines;
  const size_t begin = rows.rows.front().begin;
  const size_t end = rows.rows.back().end;
  // One index for all rows. No string can reach over a line end, so a broken row cannot hide in its
  // neighbours. Where the index refuses the text, or rows are not lines, each row is done alone.
  const bool together = lines && rows.overlong.empty() &&
                        index_.Index(rows.text.view(begin, end)) == JsonIndex::Result::kOk;
  if (!together) {
    for (size_t i = 0; i < rows.rows.size(); ++i) DecodeAlone(rows, i, visitor);
    return;
  }
  rows.text.data()[end] = '\n';
  scanner_.Begin(rows.text.data() + begin, end - begin, index_.positions());
  for (size_t i = 0; i < rows.rows.size(); ++i) DecodeRow(rows, i, begin, visitor);
}

void JsonDecoder::DecodeAlone(TextRows& rows, size_t i, RowVisitor& visitor) {
  const uint64_t number = rows.first_row + i;
  const std::string_view row = rows.row(i);
  if (std::binary_search(rows.overlong.begin(), rows.overlong.end(), i)) {
    return visitor.OnBadRow(number, OverlongRow(), Excerpt(row));
  }
  switch (index_.Index(row)) {
    case JsonIndex::Result::kOk:
      break;
    case JsonIndex::Result::kNotUtf8:
      return visitor.OnBadRow(number, NotUtf8(row), Excerpt(row));
    case JsonIndex::Result::kBrokenString:
      return visitor.OnBadRow(number, BrokenString(row), Excerpt(row));
  }
  const RowSpan span = rows.rows[i];
  char* const end = rows.text.data() + span.end;
  const char behind = std::exchange(*end, '\n');  // may be the begin of the next row
  scanner_.Begin(rows.text.data() + span.begin, row.size(), index_.positions());
  DecodeRow(rows, i, span.begin, visitor);
  *end = behind;
}

// Row `i`, of a text that begins at `base` and that the scanner walks.
void JsonDecoder::DecodeRow(const TextRows& rows, size_t i, size_t base, RowVisitor& visitor) {
  const RowSpan span = rows.rows[i];
  const uint32_t* const place = scanner_.place();
  if (TakeRow(span.begin - base, span.end - base)) {
    return visitor.OnRow(MakeRow(rows.first_row + i));
  }
  const size_t at = scanner_.fault_position() + base;
  const absl::Status why = at >= span.end ? InvalidJson("the row is cut off", span.end - span.begin)
                                          : InvalidJson(scanner_.fault(), at - span.begin);
  visitor.OnBadRow(rows.first_row + i, why, Excerpt(rows.row(i)));
  scanner_.MoveTo(place, span.end - base);
}

bool JsonDecoder::TakeRow(size_t begin, size_t end) {
  scanner_.MoveTo(scanner_.place(), begin);
  fields_ = 0;
  rewritten_.clear();
  row_size_ = end - begin;
  as_predicted_ = predicted_ != nullptr;
  if (!scanner_.Take('{')) return scanner_.Fail("expected an object", scanner_.position());
  size_t closed = scanner_.position();
  if (!scanner_.Take('}')) {
    do {
      if (!TakeField()) return false;
      closed = scanner_.position();
    } while (scanner_.Take(','));
    if (!scanner_.Take('}')) return scanner_.Fail("expected ',' or '}' in an object", closed);
  }
  // The walk does not know of rows: this one may have gone on in the next.
  if (closed >= end) return scanner_.Fail("", end);
  const size_t behind = scanner_.position();
  return behind >= end || scanner_.Fail("text behind the end of the object", behind);
}

bool JsonDecoder::TakeField() {
  if (fields_ == values_.size()) {
    if (fields_ == kMostKeys) return scanner_.Fail("more than 10,000 keys", scanner_.position());
    values_.resize(std::clamp<size_t>(fields_ * 2, 64, kMostKeys));
  }
  const bool predicted = as_predicted_ && fields_ < predicted_->raw_keys.size() &&
                         scanner_.TakeKey(predicted_->raw_keys[fields_]);
  if (!predicted && !TakeOtherKey()) return false;
  Value& value = values_[fields_++];
  bool rewrite = false;
  if (!scanner_.TakeValue(1, &value, &rewrite)) return false;
  if (rewrite || (multiline_ && value.kind == Value::Kind::kJson)) Rewrite(value);
  return true;
}

// Takes a key that is not the predicted one, or written otherwise.
bool JsonDecoder::TakeOtherKey() {
  std::string_view key;
  if (scanner_.token() != '"')
    return scanner_.Fail("expected a key in quotes", scanner_.position());
  if (!scanner_.TakeString(&key)) return false;
  if (!scanner_.Take(':')) return scanner_.Fail("expected ':' after a key", scanner_.position());
  const bool predicted = as_predicted_ && fields_ < predicted_->raw_keys.size() &&
                         predicted_->raw_keys[fields_] == key;
  if (!predicted) NoteKey(key);
  return true;
}

// A key that is not as predicted: from here on the row's keys are kept.
void JsonDecoder::NoteKey(std::string_view key) {
  if (as_predicted_ || fields_ == 0) {
    keys_.clear();
    if (fields_ != 0) {
      keys_.assign(predicted_->raw_keys.begin(), predicted_->raw_keys.begin() + fields_);
    }
    as_predicted_ = false;
  }
  keys_.push_back(key);
}

void JsonDecoder::Rewrite(Value& value) {
  // Room for all cells of the row, so that views of it stay good.
  if (rewritten_.empty()) rewritten_.Reserve(row_size_ + row_size_ / 3 + 1);
  const size_t begin = rewritten_.size();
  AppendCompactJson(rewritten_, value.text);
  value.text = rewritten_.view(begin, rewritten_.size());
}

Row JsonDecoder::MakeRow(uint64_t number) {
  if (!as_predicted_ || fields_ != predicted_->raw_keys.size()) {
    if (as_predicted_) {
      keys_.assign(predicted_->raw_keys.begin(), predicted_->raw_keys.begin() + fields_);
    } else if (fields_ == 0) {
      keys_.clear();
    }
    predicted_ = &shapes_.Find(keys_);
  }
  for (size_t i = 0; i < predicted_->cells.size(); ++i) values_[predicted_->cells[i]] = values_[i];
  return {number, &predicted_->shape, {values_.data(), predicted_->shape.names.size()}};
}

}  // namespace millrace
