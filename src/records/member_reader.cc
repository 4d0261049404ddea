#include "records/member_reader.h"

#include <algorithm>

#include "formats/json_text.h"

namespace millrace {
namespace {

constexpr size_t kMaxKeys = 10'000;  // as JsonDecoder

// Canonical JSON has null in place of NaN and of numbers beyond a double, which the scanner takes.
bool IsCanonical(const Value& value, char token, bool rewrite) {
  return !rewrite && (!value.is_null() || token == 'n');
}

}  // namespace

JsonScanner::Place MemberReader::Take(JsonScanner& scanner, JsonScanner::Place at, int depth,
                                      Opener open) {
  count_ = 0;
  as_predicted_ = predicted_ != nullptr;
  if (scanner.TokenAt(at) != '{') return scanner.Fail("expected an object", *at);
  ++at;
  if (scanner.TokenAt(at) != '}') {
    for (;; ++at) {
      at = TakeMember(scanner, at, depth + 1, open);
      if (at == nullptr) return nullptr;
      if (scanner.TokenAt(at) != ',') break;
    }
    if (scanner.TokenAt(at) != '}') return scanner.Fail("expected ',' or '}' in an object", *at);
  }
  FindShape();
  return at + 1;
}

JsonScanner::Place MemberReader::TakeMember(JsonScanner& scanner, JsonScanner::Place at, int depth,
                                            const Opener& open) {
  if (count_ == fields_.size()) {
    if (count_ == kMaxKeys) return scanner.Fail("more than 10,000 keys", *at);
    fields_.resize(std::clamp<size_t>(count_ * 2, 64, kMaxKeys));
  }
  std::string_view key;
  JsonScanner::Place place = nullptr;
  if (as_predicted_ && count_ < predicted_->raw_keys.size()) {
    key = predicted_->raw_keys[count_];
    place = scanner.TakeKey(at, key);
  }
  if (place == nullptr) {
    place = TakeOtherKey(scanner, at, &key);
    if (place == nullptr) return nullptr;
  }
  JsonField& field = fields_[count_++];
  const char token = scanner.TokenAt(place);
  MemberReader* const members = token == '{' ? open(key) : nullptr;
  field.members = members;
  if (members != nullptr) {
    field.value = Value::Text(Value::Kind::kJson, {});
    return members->Take(scanner, place, depth, [](std::string_view) { return nullptr; });
  }
  bool rewrite = false;
  const JsonScanner::Place next = scanner.TakeValue(place, depth, &field.value, &rewrite);
  if (next == nullptr || IsCanonical(field.value, token, rewrite)) return next;
  return scanner.Fail("a number is NaN or exceeds a double in the value that begins", *place);
}

// Takes a key that is not the predicted one, or is written differently.
JsonScanner::Place MemberReader::TakeOtherKey(JsonScanner& scanner, JsonScanner::Place at,
                                              std::string_view* key) {
  if (scanner.TokenAt(at) != '"') return scanner.Fail("expected a key in quotes", *at);
  const JsonScanner::Place colon = scanner.TakeString(at, key);
  if (colon == nullptr) return nullptr;
  if (scanner.TokenAt(colon) != ':') return scanner.Fail("expected ':' after a key", *colon);
  const bool predicted =
      as_predicted_ && count_ < predicted_->raw_keys.size() && predicted_->raw_keys[count_] == *key;
  if (!predicted) {
    KeepKeys();
    keys_.push_back(*key);
  }
  return colon + 1;
}

// From here on the keys differ from the prediction.
void MemberReader::KeepKeys() {
  if (count_ == 0) keys_.clear();
  if (!as_predicted_) return;
  keys_.assign(predicted_->raw_keys.begin(),
               predicted_->raw_keys.begin() + static_cast<ptrdiff_t>(count_));
  as_predicted_ = false;
}

void MemberReader::FindShape() {
  if (!as_predicted_ || count_ != predicted_->raw_keys.size()) {
    KeepKeys();
    predicted_ = &shapes_.Find(keys_);
  }
  for (size_t i = 0; i < predicted_->cells.size(); ++i) {
    if (predicted_->cells[i] != i) fields_[predicted_->cells[i]] = fields_[i];
  }
}

}  // namespace millrace
