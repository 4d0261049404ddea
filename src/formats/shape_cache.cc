#include "formats/shape_cache.h"

#include <utility>

#include "base/strings.h"
#include "formats/json_text.h"

namespace millrace {
namespace {

constexpr size_t kMaxSequences = 512;
constexpr size_t kMaxBytes = 1 << 20;  // of keys

std::string Unescaped(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  ByteBuffer text;
  AppendUnescaped(text, raw);
  return std::string(text.view());
}

std::unique_ptr<KeySequence> MakeSequence(const std::vector<std::string_view>& raw_keys) {
  auto sequence = std::make_unique<KeySequence>();
  std::vector<std::string> names;
  absl::flat_hash_map<std::string, uint32_t> cell_of_name;
  size_t raw_size = 0;
  for (const std::string_view raw : raw_keys) raw_size += raw.size();
  sequence->raw_bytes.Reserve(raw_size + 1);  // with padding, even if all keys are empty
  for (const std::string_view raw : raw_keys) {
    std::string name = Unescaped(raw);
    const uint32_t cell = static_cast<uint32_t>(names.size());
    const auto [it, is_new] = cell_of_name.try_emplace(name, cell);
    if (is_new) names.push_back(std::move(name));
    sequence->cells.push_back(it->second);
    const size_t begin = sequence->raw_bytes.size();
    sequence->raw_bytes.Append(raw);
    sequence->raw_keys.push_back(sequence->raw_bytes.view(begin, begin + raw.size()));
  }
  if (names.size() == raw_keys.size()) sequence->cells.clear();
  sequence->shape = RowShape::Make(std::move(names));
  return sequence;
}

}  // namespace

ShapeCache::ShapeCache() = default;
ShapeCache::~ShapeCache() = default;

const KeySequence& ShapeCache::Find(const std::vector<std::string_view>& raw_keys) {
  joined_.clear();
  for (const std::string_view key : raw_keys) {
    joined_.append(key);
    joined_ += '"';  // does not occur unescaped in a key
  }
  const auto found = sequences_.find(joined_);
  if (found != sequences_.end()) return *found->second;
  // Created before the cache is cleared: the keys may be views of it.
  std::unique_ptr<KeySequence> made = MakeSequence(raw_keys);
  if (sequences_.size() >= kMaxSequences || bytes_ >= kMaxBytes) {
    sequences_.clear();
    bytes_ = 0;
  }
  bytes_ += joined_.size();
  return *(sequences_[joined_] = std::move(made));
}

}  // namespace millrace
