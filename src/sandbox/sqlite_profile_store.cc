#include <optional>
#include <utility>

#include "base/status.h"
#include "sandbox/profile_store.h"
#include "sandbox/sqlite_database.h"

namespace millrace::sandbox {
namespace {

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS profiles("
    "  kind INTEGER NOT NULL, group_key TEXT NOT NULL, id TEXT NOT NULL, properties TEXT NOT NULL,"
    "  PRIMARY KEY(kind, group_key, id)) WITHOUT ROWID;";

class SqliteProfileStore final : public ProfileStore {
 public:
  explicit SqliteProfileStore(std::shared_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}

  absl::Status Open() {
    absl::MutexLock lock(&database_->mutex);
    RETURN_IF_ERROR(database_->Execute(kSchema));
    ASSIGN_OR_RETURN(get_, database_->Prepare("SELECT properties FROM profiles"
                                              " WHERE kind = ? AND group_key = ? AND id = ?"));
    ASSIGN_OR_RETURN(put_,
                     database_->Prepare("INSERT OR REPLACE INTO profiles VALUES(?, ?, ?, ?)"));
    ASSIGN_OR_RETURN(erase_, database_->Prepare("DELETE FROM profiles"
                                                " WHERE kind = ? AND group_key = ? AND id = ?"));
    ASSIGN_OR_RETURN(read_, database_->Prepare("SELECT id, properties FROM profiles WHERE kind = ?"
                                               " AND group_key = ? AND id >= ? ORDER BY id"));
    ASSIGN_OR_RETURN(count_, database_->Prepare("SELECT COUNT(*) FROM profiles WHERE kind = ?"));
    ASSIGN_OR_RETURN(group_keys_, database_->Prepare("SELECT DISTINCT group_key FROM profiles"
                                                     " WHERE kind = ? ORDER BY group_key"));
    return absl::OkStatus();
  }

  absl::Status Apply(absl::Span<const ProfileUpdate> updates) override {
    absl::MutexLock lock(&database_->mutex);
    return database_->Transact([&]() -> absl::Status {
      for (const ProfileUpdate& update : updates) RETURN_IF_ERROR(ApplyOne(update));
      return absl::OkStatus();
    });
  }

  absl::Status Read(const ProfileKey& key, const Visitor& visitor) override {
    absl::MutexLock lock(&database_->mutex);
    Bind(key, &read_);
    for (bool go_on = true; go_on;) {
      ASSIGN_OR_RETURN(const bool row, read_.Step());
      if (!row) break;
      go_on = visitor(read_.Text(0), read_.Text(1));
    }
    read_.Reset();
    return absl::OkStatus();
  }

  uint64_t Count(ProfileKind kind) override {
    absl::MutexLock lock(&database_->mutex);
    count_.Reset();
    count_.BindInt(1, static_cast<int64_t>(kind));
    const absl::StatusOr<bool> row = count_.Step();
    return row.ok() && *row ? static_cast<uint64_t>(count_.Int(0)) : 0;
  }

  absl::StatusOr<std::vector<std::string>> GroupKeys() override {
    absl::MutexLock lock(&database_->mutex);
    group_keys_.Reset();
    group_keys_.BindInt(1, static_cast<int64_t>(ProfileKind::kGroup));
    std::vector<std::string> keys;
    for (;;) {
      ASSIGN_OR_RETURN(const bool row, group_keys_.Step());
      if (!row) break;
      keys.emplace_back(group_keys_.Text(0));
    }
    group_keys_.Reset();
    return keys;
  }

  absl::Status Clear() override {
    absl::MutexLock lock(&database_->mutex);
    return database_->Execute("DELETE FROM profiles");
  }

 private:
  static void Bind(const ProfileKey& key, SqliteStatement* statement) {
    statement->Reset();
    statement->BindInt(1, static_cast<int64_t>(key.kind));
    statement->BindText(2, key.group_key);
    statement->BindText(3, key.id);
  }

  absl::Status ApplyOne(const ProfileUpdate& update) {
    Bind(update.key(), &get_);
    ASSIGN_OR_RETURN(const bool found, get_.Step());
    std::optional<std::string> old;
    if (found) old = get_.Text(0);
    get_.Reset();
    const std::optional<std::string> changed = update.Apply(old);
    if (!changed) {
      Bind(update.key(), &erase_);
      return erase_.Run();
    }
    Bind(update.key(), &put_);
    put_.BindText(4, *changed);
    return put_.Run();
  }

  // All guarded by database_->mutex.
  const std::shared_ptr<SqliteDatabase> database_;
  SqliteStatement get_;
  SqliteStatement put_;
  SqliteStatement erase_;
  SqliteStatement read_;
  SqliteStatement count_;
  SqliteStatement group_keys_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProfileStore>> NewSqliteProfileStore(
    std::shared_ptr<SqliteDatabase> database) {
  auto store = std::make_unique<SqliteProfileStore>(std::move(database));
  RETURN_IF_ERROR(Annotate(store->Open(), "opening the sandbox's profiles"));
  return store;
}

}  // namespace millrace::sandbox
