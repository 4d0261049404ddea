#include "records/record_parser.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "base/strings.h"
#include "formats/json_text.h"
#include "records/operations.h"

namespace millrace {
namespace {

constexpr std::string_view kWhitespace = " \t\r";

std::string Unescaped(std::string_view raw) {
  ByteBuffer text;
  AppendUnescaped(text, raw);
  return std::string(text.view());
}

absl::Status NotARecord(std::string_view what, size_t at) {
  return absl::InvalidArgumentError(StrCat("not a record: ", what, " at byte ", at));
}

}  // namespace

absl::Status RecordParser::Parse(std::string_view record) {
  payloads_.clear();
  opened_ = 0;
  too_many_ = false;
  if (readers_.size() > kKeptReaders) readers_.resize(kKeptReaders);
  if (record.find_first_not_of(kWhitespace) == std::string_view::npos) {
    return absl::InvalidArgumentError("not a record: the line is blank");
  }
  if (record.size() >= UINT32_MAX) return absl::InvalidArgumentError("not a record: over 4 GiB");
  if (std::memchr(record.data(), '\n', record.size()) != nullptr) {
    return absl::InvalidArgumentError("not a record: it has a line end");
  }
  text_.clear();
  text_.Append(record);
  *text_.Reserve(1) = '\n';  // where the scanner stops
  switch (index_.Index(text_.view())) {
    case JsonIndex::Result::kOk:
      break;
    case JsonIndex::Result::kNotUtf8:
      return absl::InvalidArgumentError("not a record: it is not UTF-8");
    case JsonIndex::Result::kBrokenString:
      return absl::InvalidArgumentError(
          "not a record: a string is not closed, or has an unescaped control character");
  }
  scanner_.Begin(text_.data(), text_.size());
  const JsonScanner::Place end = members_.Take(
      scanner_, index_.positions(), 0, [this](std::string_view name) { return Open(name); });
  if (end == nullptr) return NotARecord(scanner_.fault(), scanner_.fault_position());
  if (*end < text_.size()) return NotARecord("text after the end of the object", *end);
  return FindPayloads();
}

MemberReader* RecordParser::Open(std::string_view raw_name) {
  std::string unescaped;
  std::string_view name = raw_name;
  if (name.find('\\') != std::string_view::npos) name = unescaped = Unescaped(raw_name);
  const bool opens = type_ == RecordType::kEvent ? name == "properties" : MayBeOperation(name);
  if (!opens) return nullptr;
  too_many_ = opened_ == kMaxOperations;
  if (too_many_) return nullptr;
  if (opened_ == readers_.size()) readers_.push_back(std::make_unique<MemberReader>());
  return readers_[opened_++].get();
}

absl::Status RecordParser::FindPayloads() {
  const std::vector<std::string>& names = members_.shape().names;
  for (size_t i = 0; i < names.size(); ++i) {
    const JsonField& field = members_.field(i);
    if (type_ == RecordType::kEvent) {
      if (field.members != nullptr) payloads_.push_back(i);
      continue;
    }
    const bool container = field.value.kind == Value::Kind::kJson;
    if (!IsKnownOperation(names[i]) && !(container && MayBeOperation(names[i]))) continue;
    payloads_.push_back(i);
  }
  if (type_ == RecordType::kEvent && payloads_.empty()) {
    return absl::InvalidArgumentError("not an event: it has no object \"properties\"");
  }
  if (too_many_ || payloads_.size() > kMaxOperations) {
    return absl::InvalidArgumentError(
        StrCat("not a record: it has more than ", kMaxOperations, " operations"));
  }
  return absl::OkStatus();
}

}  // namespace millrace
