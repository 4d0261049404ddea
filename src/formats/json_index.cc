#include "formats/json_index.h"

#include <algorithm>
#include <new>

#include "simdjson.h"

namespace millrace {
namespace {

constexpr size_t kMinCapacity = 1 << 20;
constexpr size_t kMaxDepth = 1;  // of the second stage, which is not used

}  // namespace

struct JsonIndex::Parser {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
  size_t capacity = 0;
};

JsonIndex::JsonIndex() : parser_(std::make_unique<Parser>()) {}
JsonIndex::~JsonIndex() = default;

JsonIndex::Result JsonIndex::Index(std::string_view text) {
  if (text.size() > parser_->capacity) {
    const size_t capacity = std::max(text.size(), kMinCapacity);
    parser_->stages.reset();
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            capacity, kMaxDepth, parser_->stages) != simdjson::SUCCESS) {
      throw std::bad_alloc();
    }
    parser_->capacity = capacity;
  }
  const simdjson::error_code error = parser_->stages->stage1(
      reinterpret_cast<const uint8_t*>(text.data()), text.size(), simdjson::stage1_mode::regular);
  positions_ = parser_->stages->structural_indexes.get();
  if (error == simdjson::SUCCESS) return Result::kOk;
  return error == simdjson::UTF8_ERROR ? Result::kNotUtf8 : Result::kBrokenString;
}

}  // namespace millrace
