// The members of one JSON object, as its text shows them.
#ifndef MILLRACE_PROXY_OBJECT_MEMBERS_H_
#define MILLRACE_PROXY_OBJECT_MEMBERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "formats/value.h"

namespace millrace::proxy {

// The keys that the proxy looks at, in records or in properties of events.
enum class KnownKey : uint8_t {
  kOther,
  kEvent,
  kProperties,
  kMetadata,  // $mp_metadata
  kToken,
  kTime,
  kIp,
  kInsertId,
  kDistinctId,
  kUserId,
  kDeviceId,
  kProfileToken,  // $token, as all that follow
  kProfileIp,
  kProfileId,
  kGroupKey,
  kGroupId,
};

struct Member {
  std::string_view key;         // unescaped
  std::string_view raw_key;     // inside the quotes
  const char* begin = nullptr;  // of the whole member
  std::string_view raw;         // the value's text
  Value value;
  KnownKey known = KnownKey::kOther;
  bool is_compact = true;     // text() may be copied as it is
  bool has_rewrites = false;  // the value has NaN or numbers beyond a double
  bool is_dropped = false;    // a later member has the same key

  // "key":value
  std::string_view text() const {
    return {begin, static_cast<size_t>(raw.data() + raw.size() - begin)};
  }
};

// One thread at a time; keeps its memory. Records of one request mostly have the same keys in the
// same order, so the keys of the last object are expected in the next one, as far as they are few
// and different: such keys are not looked up.
class ObjectMembers {
 public:
  // As records/record_parser.h, with room for what is added.
  static constexpr size_t kMaxKeys = 9'990;

  // Begins an object. Views of keys are kept.
  void clear();
  // Begins an object of another text, of which no key is expected.
  void Forget();

  // Whether a key is expected next, and its text inside the quotes.
  bool expects_key() const { return count_ < expected_; }
  std::string_view expected_key() const { return all_[count_].raw_key; }
  // Adds a member with the expected key. All but its keys is left to the caller.
  Member& AddExpected() {
    Member& member = all_[count_++];
    member.is_dropped = false;
    return member;
  }
  // Adds a member with another key. Of equal keys the last one counts. Null: there are more than
  // kMaxKeys.
  Member* Add(std::string_view key, std::string_view raw_key);

  std::span<const Member> members() const { return {all_.data(), count_}; }

 private:
  struct Slot {
    uint32_t round = 0;
    uint32_t index = 0;
  };
  // Few keys are compared one by one, which takes less time than their hashes.
  static constexpr size_t kMaxScanned = 32;

  bool DropEqual(std::string_view key, uint32_t mark);
  void AddToTable(std::string_view key);
  void FillTable();
  void GrowTable();
  Slot& FindSlot(std::string_view key);

  std::vector<Member> all_;  // those of this object, and what is left of earlier ones
  size_t count_ = 0;         // of this object
  size_t expected_ = 0;      // keys of the last object that are expected
  bool has_repeats_ = false;
  std::array<uint32_t, kMaxScanned> marks_{};  // of the first keys: different for most
  std::vector<Slot> table_;  // by hashes of keys, if there are more; earlier rounds' slots are free
  uint32_t round_ = 0;
};

// Appends members to `out`, with commas. Neighbours in the text are copied together.
class MemberWriter {
 public:
  explicit MemberWriter(ByteBuffer& out) : out_(out) {}
  ~MemberWriter() { Flush(); }

  void Write(const Member& member) {
    const std::string_view text = member.text();
    const bool continues = member.is_compact && !run_.empty() &&
                           run_.data() + run_.size() + 1 == text.data() &&
                           run_.data()[run_.size()] == ',';
    if (!continues) return WriteApart(member);
    run_ = {run_.data(), run_.size() + 1 + text.size()};
  }
  // Writes the key of `member` with another value, which is JSON.
  void WriteValue(const Member& member, std::string_view json);
  // A new member; `key` needs no escapes.
  void Add(std::string_view key, std::string_view json);
  // The same; the value is a string that needs no escapes.
  void AddText(std::string_view key, std::string_view text);
  // Appends the key and its ':' of a member whose value the caller writes.
  void Begin(const Member& member);
  void Flush();

 private:
  void Comma();
  void WriteApart(const Member& member);

  ByteBuffer& out_;
  std::string_view run_;  // not appended yet
  bool any_ = false;
};

// Unlike find_first_of(), at the speed of memchr().
inline bool HasLineEnds(std::string_view text) {
  return text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos;
}

// Appends the value of a member as canonical JSON on one line.
void AppendCanonical(ByteBuffer& out, const Member& member);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_OBJECT_MEMBERS_H_
