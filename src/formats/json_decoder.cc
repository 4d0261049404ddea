#include "formats/json_decoder.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "formats/utf8_validation.h"

namespace millrace {
namespace {

constexpr size_t kMaxKeys = 10'000;

absl::Status InvalidJson(std::string_view what, size_t at) {
  return absl::InvalidArgumentError(StrCat("invalid JSON: ", what, " at byte ", at, " of the row"));
}

// Why the index rejected a row that is UTF-8: finds the position, which the index does not report.
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
  return InvalidJson("an unclosed string begins", begin);
}

}  // namespace

void JsonDecoder::Decode(TextRows& rows, bool lines, RowVisitor& visitor) {
  multiline_ = !lines;
  const size_t begin = rows.rows.front().begin;
  const size_t end = rows.rows.back().end;
  // One index for all rows. Strings cannot contain a line end, so a broken row cannot affect its
  // neighbours. If the index rejects the text, or rows are not lines, each row is decoded alone.
  const bool together = lines && rows.overlong.empty() &&
                        index_.Index(rows.text.view(begin, end)) == JsonIndex::Result::kOk;
  if (!together) {
    for (size_t i = 0; i < rows.rows.size(); ++i) DecodeAlone(rows, i, visitor);
    return;
  }
  char* const text = rows.text.data() + begin;
  text[end - begin] = '\n';
  scanner_.Begin(text, end - begin);
  JsonScanner::Place place = index_.positions();
  for (size_t i = 0; i < rows.rows.size(); ++i) place = DecodeRow(rows, i, begin, place, visitor);
}

void JsonDecoder::DecodeAlone(TextRows& rows, size_t i, RowVisitor& visitor) {
  const uint64_t number = rows.first_row + i;
  const std::string_view row = rows.row(i);
  if (const OverlongSpan* overlong = rows.FindOverlong(i)) {
    return ShowOverlong(*overlong, rows, visitor);
  }
  switch (index_.Index(row)) {
    case JsonIndex::Result::kOk:
      break;
    case JsonIndex::Result::kNotUtf8:
      return visitor.OnBadRow(number, NotUtf8(row), row);
    case JsonIndex::Result::kBrokenString:
      return visitor.OnBadRow(number, BrokenString(row), row);
  }
  const size_t begin = rows.rows[i].begin;
  char* const text = rows.text.data() + begin;
  const char behind = std::exchange(text[row.size()], '\n');  // may be part of the next row
  scanner_.Begin(text, row.size());
  DecodeRow(rows, i, begin, index_.positions(), visitor);
  text[row.size()] = behind;
}

// Decodes row `i` of an indexed text that begins at `base`; `place` is after the previous row.
// Returns the place after this row.
JsonScanner::Place JsonDecoder::DecodeRow(const TextRows& rows, size_t i, size_t base,
                                          JsonScanner::Place place, RowVisitor& visitor) {
  const RowSpan span = rows.rows[i];
  const size_t end = span.end - base;
  while (*place < span.begin - base) ++place;
  row_size_ = span.end - span.begin;
  if (const JsonScanner::Place behind = TakeRow(place, end); behind != nullptr) {
    visitor.OnRow(MakeRow(rows.first_row + i));
    return behind;
  }
  const size_t at = scanner_.fault_position() + base;
  const absl::Status why = at >= span.end ? InvalidJson("the row is truncated", row_size_)
                                          : InvalidJson(scanner_.fault(), at - span.begin);
  visitor.OnBadRow(rows.first_row + i, why, rows.row(i));
  while (*place < end) ++place;
  return place;
}

// Takes the object at `at`, which must end at offset `end`.
JsonScanner::Place JsonDecoder::TakeRow(JsonScanner::Place at, size_t end) {
  fields_ = 0;
  rewritten_.clear();
  as_predicted_ = predicted_ != nullptr;
  if (scanner_.TokenAt(at) != '{') return scanner_.Fail("expected an object", *at);
  ++at;
  if (scanner_.TokenAt(at) != '}') {
    for (;; ++at) {
      at = TakeField(at);
      if (at == nullptr) return nullptr;
      if (scanner_.TokenAt(at) != ',') break;
    }
    if (scanner_.TokenAt(at) != '}') return scanner_.Fail("expected ',' or '}' in an object", *at);
  }
  // The scanner does not know about rows: this one may have continued into the next.
  if (*at >= end) return scanner_.Fail("", end);
  ++at;
  return *at >= end ? at : scanner_.Fail("text after the end of the object", *at);
}

JsonScanner::Place JsonDecoder::TakeField(JsonScanner::Place at) {
  if (fields_ == values_.size()) {
    if (fields_ == kMaxKeys) return scanner_.Fail("more than 10,000 keys", *at);
    values_.resize(std::clamp<size_t>(fields_ * 2, 64, kMaxKeys));
  }
  JsonScanner::Place behind_key = nullptr;
  if (as_predicted_ && fields_ < predicted_->raw_keys.size()) {
    behind_key = scanner_.TakeKey(at, predicted_->raw_keys[fields_]);
  }
  if (behind_key == nullptr) {
    behind_key = TakeOtherKey(at);
    if (behind_key == nullptr) return nullptr;
  }
  Value& value = values_[fields_++];
  bool rewrite = false;
  const JsonScanner::Place behind = scanner_.TakeValue(behind_key, 1, &value, &rewrite);
  if (behind != nullptr && (rewrite || (multiline_ && value.kind == Value::Kind::kJson))) {
    Rewrite(value);
  }
  return behind;
}

// Takes a key that is not the predicted one, or is written differently.
JsonScanner::Place JsonDecoder::TakeOtherKey(JsonScanner::Place at) {
  std::string_view key;
  if (scanner_.TokenAt(at) != '"') return scanner_.Fail("expected a key in quotes", *at);
  const JsonScanner::Place colon = scanner_.TakeString(at, &key);
  if (colon == nullptr) return nullptr;
  if (scanner_.TokenAt(colon) != ':') return scanner_.Fail("expected ':' after a key", *colon);
  const bool predicted = as_predicted_ && fields_ < predicted_->raw_keys.size() &&
                         predicted_->raw_keys[fields_] == key;
  if (!predicted) NoteKey(key);
  return colon + 1;
}

// A key that differs from the prediction: from here on the row's keys are kept.
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
  // Reserves memory for all cells of the row, so that views of it stay valid.
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
