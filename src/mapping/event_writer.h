// Writes events: their name, time and ids, and the limits of their destination
// (docs/sources-json.md).
// Identity events need no time and no ids of their own.
#ifndef MILLRACE_MAPPING_EVENT_WRITER_H_
#define MILLRACE_MAPPING_EVENT_WRITER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "base/hash.h"
#include "mapping/event_plan.h"
#include "mapping/identity_event.h"
#include "mapping/record_mapper.h"
#include "mapping/typed_value.h"
#include "records/ids.h"

namespace millrace {

// One thread at a time.
class EventWriter {
 public:
  EventWriter(std::shared_ptr<const SourceConfig> config, absl::Time now, const RecordRules& rules,
              MapStage stage);

  void BeginObject(std::string_view uri, std::string_view version);
  void SetNow(absl::Time now) { now_ = now; }

  // Hashes the columns of InsertIdRule::kColumns; nullopt if all are null.
  std::optional<Hash128> HashIdColumns(const EventPlan& plan, const Row& row);

  // Appends {"event":`name`,"properties":{...}} to `out`. A null `name` means that of the config.
  // False if the row is rejected: then `why` is filled and `out` holds part of the event.
  bool Write(const EventPlan& plan, const Value& name, const Row& row, const RecordOrigin& origin,
             ByteBuffer& out, MapError& why);

 private:
  // A value of 32 hex digits that is filled in when the event's hash is known.
  struct Placeholder {
    size_t offset;
    const FieldStep* step;  // null for $insert_id
  };

  bool WriteName(const Value& name);
  bool CheckIdentityEvent(const EventPlan& plan, const Row& row);
  bool WriteTime(const EventPlan& plan, const Row& row);
  bool WriteUserIds(const EventPlan& plan, const Row& row);
  bool WriteUserId(const FieldStep& step, const Row& row, bool& has_user);
  bool TypeId(const FieldStep& step, Value& value);
  bool ChooseInsertId(const EventPlan& plan, const Row& row, const RecordOrigin& origin);
  bool WriteInsertId(const EventPlan& plan, const RecordOrigin& origin);
  bool WriteProperty(const FieldStep& step, const Row& row);
  bool WriteNull(const FieldStep& step);
  void WritePlaceholder(const FieldStep* step, std::string_view fragment);
  void EndProperty(size_t begin);
  void QuoteRoundedInteger(size_t begin);
  UnorderedHash IdentityHash(const RecordOrigin& origin) const;
  void FillPlaceholders(const RecordOrigin& origin);
  bool CheckLimits(size_t begin);

  bool draft() const { return stage_ == MapStage::kDraft; }
  bool Refuse(std::string_view code, std::string_view field, std::string_view message) {
    return millrace::Refuse(*why_, code, field, message);
  }

  const std::shared_ptr<const SourceConfig> config_;
  absl::Time now_;
  const RecordRules rules_;
  const MapStage stage_;
  const std::string static_name_;  // the config's name as JSON; empty: none
  Hash128 object_hash_;            // of the object's uri and version

  CellReader cells_;
  ValueTyper typer_;
  ByteBuffer scratch_;

  // Of the current event:
  ByteBuffer* out_ = nullptr;
  MapError* why_ = nullptr;
  bool hashing_ = false;
  UnorderedHash hash_;  // of the name and of each property but the generated ids, as sent
  UnorderedHash name_hash_;
  IdentityEvent identity_event_ = IdentityEvent::kNone;
  size_t properties_ = 0;
  std::vector<Placeholder> placeholders_;
  std::string insert_id_;        // from the source, made valid; empty: none
  std::string first_insert_id_;  // that of the row's first part
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_EVENT_WRITER_H_
