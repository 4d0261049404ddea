#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/event_store.h"
#include "sandbox/sqlite_database.h"

namespace millrace::sandbox {
namespace {

constexpr int kMaxLookedAt = 2'000;  // rows that one Read() visits

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS events("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    "  received_ms INTEGER NOT NULL, endpoint INTEGER NOT NULL, time_begin INTEGER NOT NULL,"
    "  time_end INTEGER NOT NULL, properties_end INTEGER NOT NULL, flags INTEGER NOT NULL,"
    "  json TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS event_keys(key BLOB PRIMARY KEY) WITHOUT ROWID;";

constexpr int64_t kHasProcessingTime = 1;
constexpr int64_t kHasImport = 2;
constexpr int64_t kHasApiEndpoint = 4;
constexpr int64_t kHasApiTimestamp = 8;

std::string_view KeyBytes(const Hash128& key, char (&bytes)[16]) {
  std::memcpy(bytes, &key.high, 8);
  std::memcpy(bytes + 8, &key.low, 8);
  return {bytes, 16};
}

class SqliteEventStore final : public EventStore {
 public:
  explicit SqliteEventStore(std::shared_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}

  absl::Status Open() {
    absl::MutexLock lock(&database_->mutex);
    RETURN_IF_ERROR(database_->Execute(kSchema));
    ASSIGN_OR_RETURN(add_, database_->Prepare("INSERT INTO events(name, time_ms, received_ms,"
                                              " endpoint, time_begin, time_end, properties_end,"
                                              " flags, json) VALUES(?,?,?,?,?,?,?,?,?)"));
    ASSIGN_OR_RETURN(add_key_, database_->Prepare("INSERT OR IGNORE INTO event_keys VALUES(?)"));
    ASSIGN_OR_RETURN(read_, database_->Prepare("SELECT id, name, time_ms, received_ms, endpoint,"
                                               " time_begin, time_end, properties_end, flags, json"
                                               " FROM events WHERE id > ? ORDER BY id LIMIT ?"));
    ASSIGN_OR_RETURN(last_id_query_, database_->Prepare("SELECT COALESCE(MAX(seq), 0) FROM"
                                                        " sqlite_sequence WHERE name = 'events'"));
    return CountAgain();
  }

  absl::Status Add(absl::Span<const NewEvent> events, int64_t received_ms) override {
    absl::MutexLock lock(&database_->mutex);
    uint64_t unique = 0;
    RETURN_IF_ERROR(database_->Transact([&]() -> absl::Status {
      for (const NewEvent& event : events) {
        RETURN_IF_ERROR(AddOne(event, received_ms));
        char bytes[16];
        add_key_.Reset();
        add_key_.BindBlob(1, KeyBytes(event.key, bytes));
        RETURN_IF_ERROR(add_key_.Run());
        unique += static_cast<uint64_t>(database_->changes());
      }
      return absl::OkStatus();
    }));
    totals_.stored += events.size();
    totals_.unique += unique;
    for (const NewEvent& event : events) ++totals_.by_event[event.name];
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Read(uint64_t after, const EventFilter& filter,
                                const Visitor& visitor) override {
    absl::MutexLock lock(&database_->mutex);
    read_.Reset();
    read_.BindInt(1, static_cast<int64_t>(after));
    read_.BindInt(2, kMaxLookedAt);
    bool go_on = true;
    while (go_on) {
      ASSIGN_OR_RETURN(const bool row, read_.Step());
      if (!row) break;
      const StoredEvent event = Row();
      after = event.id;
      go_on = !Passes(event, filter) || visitor(event);
    }
    read_.Reset();
    return after;
  }

  uint64_t last_id() override {
    absl::MutexLock lock(&database_->mutex);
    last_id_query_.Reset();
    const absl::StatusOr<bool> row = last_id_query_.Step();
    return row.ok() && *row ? static_cast<uint64_t>(last_id_query_.Int(0)) : 0;
  }

  EventTotals totals() override {
    absl::MutexLock lock(&database_->mutex);
    return totals_;
  }

  absl::Status Clear() override {
    absl::MutexLock lock(&database_->mutex);
    RETURN_IF_ERROR(database_->Transact(
        [&] { return database_->Execute("DELETE FROM events; DELETE FROM event_keys"); }));
    totals_ = {};
    return absl::OkStatus();
  }

 private:
  absl::Status AddOne(const NewEvent& event, int64_t received_ms) {
    const Splices& splices = event.splices;
    const int64_t flags = (splices.has_processing_time ? kHasProcessingTime : 0) |
                          (splices.has_import ? kHasImport : 0) |
                          (splices.has_api_endpoint ? kHasApiEndpoint : 0) |
                          (splices.has_api_timestamp ? kHasApiTimestamp : 0);
    add_.Reset();
    add_.BindText(1, event.name);
    add_.BindInt(2, event.time_ms);
    add_.BindInt(3, received_ms);
    add_.BindInt(4, static_cast<int64_t>(event.endpoint));
    add_.BindInt(5, splices.time_begin);
    add_.BindInt(6, splices.time_end);
    add_.BindInt(7, splices.properties_end);
    add_.BindInt(8, flags);
    add_.BindText(9, event.json);
    return add_.Run();
  }

  StoredEvent Row() const {
    StoredEvent event;
    event.id = static_cast<uint64_t>(read_.Int(0));
    event.name = read_.Text(1);
    event.time_ms = read_.Int(2);
    event.received_ms = read_.Int(3);
    event.endpoint = static_cast<Endpoint>(read_.Int(4));
    const int64_t flags = read_.Int(8);
    event.splices = {.time_begin = static_cast<uint32_t>(read_.Int(5)),
                     .time_end = static_cast<uint32_t>(read_.Int(6)),
                     .properties_end = static_cast<uint32_t>(read_.Int(7)),
                     .has_processing_time = (flags & kHasProcessingTime) != 0,
                     .has_import = (flags & kHasImport) != 0,
                     .has_api_endpoint = (flags & kHasApiEndpoint) != 0,
                     .has_api_timestamp = (flags & kHasApiTimestamp) != 0};
    event.json = read_.Text(9);
    return event;
  }

  static bool Passes(const StoredEvent& event, const EventFilter& filter) {
    if (event.time_ms < filter.from_ms || event.time_ms >= filter.to_ms) return false;
    if (filter.names.empty()) return true;
    for (const std::string& name : filter.names) {
      if (name == event.name) return true;
    }
    return false;
  }

  // The data of an earlier process.
  absl::Status CountAgain() {
    ASSIGN_OR_RETURN(SqliteStatement names,
                     database_->Prepare("SELECT name, COUNT(*) FROM events GROUP BY name"));
    for (;;) {
      ASSIGN_OR_RETURN(const bool row, names.Step());
      if (!row) break;
      const auto count = static_cast<uint64_t>(names.Int(1));
      totals_.by_event.emplace(names.Text(0), count);
      totals_.stored += count;
    }
    ASSIGN_OR_RETURN(SqliteStatement keys, database_->Prepare("SELECT COUNT(*) FROM event_keys"));
    RETURN_IF_ERROR(keys.Step().status());
    totals_.unique = static_cast<uint64_t>(keys.Int(0));
    return absl::OkStatus();
  }

  // All guarded by database_->mutex.
  const std::shared_ptr<SqliteDatabase> database_;
  SqliteStatement add_;
  SqliteStatement add_key_;
  SqliteStatement read_;
  SqliteStatement last_id_query_;
  EventTotals totals_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventStore>> NewSqliteEventStore(
    std::shared_ptr<SqliteDatabase> database) {
  auto store = std::make_unique<SqliteEventStore>(std::move(database));
  RETURN_IF_ERROR(Annotate(store->Open(), "opening the sandbox's events"));
  return store;
}

}  // namespace millrace::sandbox
