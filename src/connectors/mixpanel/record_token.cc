#include "connectors/mixpanel/record_token.h"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "base/byte_buffer.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

namespace od = simdjson::ondemand;

static_assert(ByteBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

constexpr size_t kMaxTokenBytes = 128;

bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

}  // namespace

struct RecordTokenReader::Parts {
  od::parser parser;
  ByteBuffer padded;
};

RecordTokenReader::RecordTokenReader(RecordType type)
    : type_(type), parts_(std::make_unique<Parts>()) {}
RecordTokenReader::~RecordTokenReader() = default;

std::string RecordTokenReader::Read(std::string_view record) {
  ByteBuffer& padded = parts_->padded;
  padded.clear();
  padded.Append(record);
  od::document document;
  od::object object;
  auto error =
      parts_->parser.iterate(padded.data(), padded.size(), padded.capacity() + ByteBuffer::kPadding)
          .get(document);
  if (!error) error = document.get_object().get(object);
  if (!error && type_ == RecordType::kEvent) {
    error = object.find_field_unordered("properties").get_object().get(object);
  }
  std::string_view token;
  if (!error) {
    const char* const key = type_ == RecordType::kEvent ? "token" : "$token";
    error = object.find_field_unordered(key).get_string(/*allow_replacement=*/true).get(token);
  }
  return !error && IsToken(token) ? std::string(token) : "";
}

}  // namespace millrace::mixpanel
