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
  opens_ = visitor.opens();
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
    Row row = MakeRow(row_, rows.first_row + i);
    Row opened;
    // Of a repeated key, the value that counts may be another one.
    if (is_opened_ && row_.predicted->cells.empty()) {
      opened = MakeRow(opened_, row.number);
      row.opened = &opened;
    }
    visitor.OnRow(row);
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
  is_opened_ = false;
  at = TakeObject(row_, at, 0);
  if (at == nullptr) return nullptr;
  // The scanner does not know about rows: this one may have continued into the next.
  if (*(at - 1) >= end) return scanner_.Fail("", end);
  return *at >= end ? at : scanner_.Fail("text after the end of the object", *at);
}

// Takes the object at `at`, which is `depth` levels below the top; returns the place after it.
JsonScanner::Place JsonDecoder::TakeObject(Object& object, JsonScanner::Place at, int depth) {
  object.fields = 0;
  object.rewritten.clear();
  object.is_canonical = true;
  object.as_predicted = object.predicted != nullptr;
  if (scanner_.TokenAt(at) != '{') return scanner_.Fail("expected an object", *at);
  ++at;
  if (scanner_.TokenAt(at) != '}') {
    for (;; ++at) {
      at = TakeField(object, at, depth + 1);
      if (at == nullptr) return nullptr;
      if (scanner_.TokenAt(at) != ',') break;
    }
    if (scanner_.TokenAt(at) != '}') return scanner_.Fail("expected ',' or '}' in an object", *at);
  }
  return at + 1;
}

JsonScanner::Place JsonDecoder::TakeField(Object& object, JsonScanner::Place at, int depth) {
  size_t& fields = object.fields;
  if (fields == object.values.size()) {
    if (fields == kMaxKeys) return scanner_.Fail("more than 10,000 keys", *at);
    object.values.resize(std::clamp<size_t>(fields * 2, 64, kMaxKeys));
  }
  std::string_view key;
  JsonScanner::Place behind_key = nullptr;
  if (object.as_predicted && fields < object.predicted->raw_keys.size()) {
    key = object.predicted->raw_keys[fields];
    behind_key = scanner_.TakeKey(at, key);
  }
  if (behind_key == nullptr) {
    behind_key = TakeOtherKey(object, at, &key);
    if (behind_key == nullptr) return nullptr;
  }
  Value& value = object.values[fields++];
  bool rewrite = false;
  const JsonScanner::Place behind = TakeCell(key, behind_key, depth, &value, &rewrite);
  if (behind == nullptr) return nullptr;
  if (rewrite || (value.is_null() && scanner_.TokenAt(behind_key) != 'n')) {
    object.is_canonical = false;
  }
  if (rewrite || (multiline_ && value.kind == Value::Kind::kJson)) Rewrite(object, value);
  return behind;
}

// Takes the value of a key, and opens it if it is the visitor's.
JsonScanner::Place JsonDecoder::TakeCell(std::string_view key, JsonScanner::Place at, int depth,
                                         Value* value, bool* rewrite) {
  const bool opens = depth == 1 && !opens_.empty() && key == opens_ && scanner_.TokenAt(at) == '{';
  if (!opens) return scanner_.TakeValue(at, depth, value, rewrite);
  const JsonScanner::Place behind = TakeObject(opened_, at, depth);
  is_opened_ = behind != nullptr;
  // It is no object, which is said then, or has too many keys to be opened.
  if (!is_opened_) return scanner_.TakeValue(at, depth, value, rewrite);
  *value = Value::Text(Value::Kind::kJson, scanner_.Between(at, behind - 1));
  *rewrite = !opened_.is_canonical;
  return behind;
}

// Takes a key that is not the predicted one, or is written differently.
JsonScanner::Place JsonDecoder::TakeOtherKey(Object& object, JsonScanner::Place at,
                                             std::string_view* key) {
  if (scanner_.TokenAt(at) != '"') return scanner_.Fail("expected a key in quotes", *at);
  const JsonScanner::Place colon = scanner_.TakeString(at, key);
  if (colon == nullptr) return nullptr;
  if (scanner_.TokenAt(colon) != ':') return scanner_.Fail("expected ':' after a key", *colon);
  const bool predicted = object.as_predicted && object.fields < object.predicted->raw_keys.size() &&
                         object.predicted->raw_keys[object.fields] == *key;
  if (!predicted) NoteKey(object, *key);
  return colon + 1;
}

// A key that differs from the prediction: from here on the object's keys are kept.
void JsonDecoder::NoteKey(Object& object, std::string_view key) {
  if (object.as_predicted || object.fields == 0) {
    object.keys.clear();
    if (object.fields != 0) {
      object.keys.assign(object.predicted->raw_keys.begin(),
                         object.predicted->raw_keys.begin() + object.fields);
    }
    object.as_predicted = false;
  }
  object.keys.push_back(key);
}

void JsonDecoder::Rewrite(Object& object, Value& value) const {
  // Reserves memory for all cells of the row, so that views of it stay valid.
  ByteBuffer& rewritten = object.rewritten;
  if (rewritten.empty()) rewritten.Reserve(row_size_ + row_size_ / 3 + 1);
  const size_t begin = rewritten.size();
  AppendCompactJson(rewritten, value.text);
  value.text = rewritten.view(begin, rewritten.size());
}

Row JsonDecoder::MakeRow(Object& object, uint64_t number) {
  const KeySequence*& predicted = object.predicted;
  if (!object.as_predicted || object.fields != predicted->raw_keys.size()) {
    if (object.as_predicted) {
      object.keys.assign(predicted->raw_keys.begin(), predicted->raw_keys.begin() + object.fields);
    } else if (object.fields == 0) {
      object.keys.clear();
    }
    predicted = &object.shapes.Find(object.keys);
  }
  std::vector<Value>& values = object.values;
  for (size_t i = 0; i < predicted->cells.size(); ++i) values[predicted->cells[i]] = values[i];
  return {number, &predicted->shape, {values.data(), predicted->shape.names.size()}};
}

}  // namespace millrace
