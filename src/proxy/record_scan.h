// The records of a text, one after another: their members, and which of them the proxy looks at.
#ifndef MILLRACE_PROXY_RECORD_SCAN_H_
#define MILLRACE_PROXY_RECORD_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/record_type.h"
#include "formats/json_index.h"
#include "formats/json_scanner.h"
#include "proxy/object_members.h"

namespace millrace::proxy {

// Indexes of members of one record; of equal keys, of the last one.
struct RecordRoles {
  using Index = std::optional<uint16_t>;
  static_assert(ObjectMembers::kMaxKeys <= UINT16_MAX);
  // Of top().
  Index event, properties, metadata, id, group_key, group_id;
  // Of properties(), or of top() of an update of a profile.
  Index token, time, ip, insert_id;
  Index distinct_id, user_id, device_id;  // of properties()
  Index blank_time;                       // null or "", instead of `time`
  size_t operations = 0;
  bool has_too_many_keys = false;
};

// One thread at a time; keeps its memory.
class RecordScan {
 public:
  using Place = JsonScanner::Place;

  // Begins with a text, which is not blank, and of which it keeps a copy.
  JsonIndex::Result Begin(std::string_view text);
  size_t size() const { return text_.size(); }
  Place first() const { return index_.positions(); }
  char TokenAt(Place at) const { return scanner_.TokenAt(at); }

  // Takes the record at `at`, and returns the place after it. Null: it is not JSON; see fault().
  Place Take(Place at, RecordType type);
  std::string_view fault() const { return scanner_.fault(); }
  // Makes it the fault that something follows the record.
  void FailAfterRecord(Place at) { scanner_.Fail("text after the end of the record", *at); }

  // Of the record that was taken last; views are valid until the next Begin().
  bool is_object() const { return is_object_; }
  const ObjectMembers& top() const { return top_; }
  const ObjectMembers& properties() const { return properties_; }
  const RecordRoles& roles() const { return roles_; }

  // Frees memory that only large texts take.
  void Trim();

 private:
  Place TakeTop(Place at);
  Place TakeProperties(Place at);
  template <typename TakeMember>
  Place TakeObject(Place at, TakeMember take_member);
  Place TakeKey(Place at, std::string_view* raw_key);
  Place TakeValue(Place at, int depth, Member* member);
  Place BeginMember(Place at, ObjectMembers& members, Member** member);
  Place BeginOtherMember(Place at, ObjectMembers& members, Member** member);
  std::string_view Unescape(std::string_view raw_key);
  void EndMember(Place at, Place next, bool rewrite, Member* member);
  void NoteTop(const Member& member, Place at);
  void NoteProperty(const Member& member);
  void CountKeys(Place at, size_t bytes);

  JsonIndex index_;
  JsonScanner scanner_;
  ByteBuffer text_;  // the scanner writes to it
  bool has_line_ends_ = false;
  ByteBuffer keys_;  // unescaped; never grows while views of it are used
  bool is_event_ = false;
  bool is_object_ = false;
  ObjectMembers top_;
  ObjectMembers properties_;
  Member ignored_;  // one of too many
  RecordRoles roles_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_RECORD_SCAN_H_
