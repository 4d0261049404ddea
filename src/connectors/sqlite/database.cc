#include "connectors/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::sqlite {
namespace {

namespace fs = std::filesystem;

absl::StatusCode CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* database, int result, const std::string& path,
                     const Patience& patience) {
  if (CodeOf(result) == absl::StatusCode::kUnavailable && patience.stop.stop_requested()) {
    return StopRequested();
  }
  const char* message = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result);
  return absl::Status(CodeOf(result), StrCat("ledger ", path, ": ", message));
}

// SQLite calls it after each try of `tries` to lock the database; 0: give up.
int WaitForOthers(void* patience, int tries) {
  constexpr absl::Duration kPause = absl::Milliseconds(5);
  const auto& [max, stop] = *static_cast<const Patience*>(patience);
  if (tries * kPause >= max) return 0;
  return Clock::Real().SleepFor(tries == 0 ? absl::Milliseconds(1) : kPause, stop) ? 1 : 0;
}

absl::Status MakeFolders(const fs::path& folder) {
  if (folder.empty()) return absl::OkStatus();
  struct stat stat;
  if (::stat(folder.c_str(), &stat) == 0) return absl::OkStatus();
  RETURN_IF_ERROR(MakeFolders(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("creating the folder ", folder.string()));
  }
  return absl::OkStatus();
}

// SQLite would make it readable for all. An existing file is not touched: closing it would drop the
// locks that other connections of this process hold on it.
absl::Status CreateFile(const std::string& path) {
  RETURN_IF_ERROR(MakeFolders(fs::path(path).parent_path()));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
  } else if (errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("creating ledger ", path));
  }
  return absl::OkStatus();
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

Statement& Statement::Bind(std::string_view text) {
  sqlite3_bind_text64(statement_.get(), ++bound_, text.data() != nullptr ? text.data() : "",
                      text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::Bind(uint64_t number) {
  sqlite3_bind_int64(statement_.get(), ++bound_, static_cast<int64_t>(number));
  return *this;
}

Statement& Statement::Bind(absl::Time time) {
  sqlite3_bind_int64(statement_.get(), ++bound_, absl::ToUnixMicros(time));
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  column_ = 0;
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(sqlite3_db_handle(statement_.get()), result, path_, *patience_);
}

absl::Status Statement::Run() { return Step().status(); }

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bound_ = 0;
}

std::string Statement::NextText() {
  const int column = column_++;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return "";
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

uint64_t Statement::NextNumber() {
  return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column_++));
}

absl::Time Statement::NextTime() {
  return absl::FromUnixMicros(sqlite3_column_int64(statement_.get(), column_++));
}

absl::StatusOr<Database> Database::OpenWith(const std::string& uri, int flags,
                                            const std::string& path, absl::Duration busy) {
  Database opened;
  opened.patience_ = std::make_unique<Patience>(Patience{.max = busy, .stop = {}});
  opened.path_ = path;
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(uri.c_str(), &database, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  opened.database_.reset(database);
  if (result != SQLITE_OK) return ErrorOf(database, result, path, *opened.patience_);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_handler(database, &WaitForOthers, opened.patience_.get());
  return opened;
}

absl::StatusOr<Database> Database::OpenToRead(const std::string& path, absl::Duration busy) {
  constexpr char kTry[] = "SELECT count(*) FROM sqlite_schema";
  ASSIGN_OR_RETURN(Database opened, OpenWith(path, SQLITE_OPEN_READONLY, path, busy));
  const absl::Status tried = opened.Execute(kTry);
  if (!absl::IsPermissionDenied(tried)) {
    RETURN_IF_ERROR(tried);
    return opened;
  }
  // The file that processes share about the write-ahead log cannot be created. If there is no log,
  // no process writes now.
  std::error_code none;
  const std::string log = path + "-wal";
  if (fs::exists(log, none) && fs::file_size(log, none) > 0) {
    return absl::PermissionDeniedError(
        StrCat("ledger ", path, ": another process writes to it or was killed while it did, and ",
               path, "-shm cannot be written; use a user who may write there"));
  }
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      StrAppend(&uri, "%", c == '?' ? "3F" : c == '#' ? "23" : "25");
    } else {
      uri += c;
    }
  }
  ASSIGN_OR_RETURN(
      opened, OpenWith(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path, busy));
  RETURN_IF_ERROR(opened.Execute(kTry));
  return opened;
}

absl::StatusOr<Database> Database::Open(const std::string& path, absl::Duration busy) {
  if (path != ":memory:") RETURN_IF_ERROR(CreateFile(path));
  ASSIGN_OR_RETURN(Database opened, OpenWith(path, SQLITE_OPEN_READWRITE, path, busy));
  // SQLite opens a file that it may not write as read-only.
  if (sqlite3_db_readonly(opened.database_.get(), "main") == 1) {
    return absl::PermissionDeniedError(StrCat("ledger ", path, " may not be written"));
  }
  RETURN_IF_ERROR(opened.UseWriteAheadLog());
  // With a write-ahead log this loses nothing if the process dies. Transaction changes it for what
  // must survive more.
  RETURN_IF_ERROR(opened.Execute("PRAGMA synchronous=NORMAL"));
  return opened;
}

// Changing the mode does not wait for other processes.
absl::Status Database::UseWriteAheadLog() {
  for (int tries = 0;; ++tries) {
    const absl::Status status = Execute("PRAGMA journal_mode=WAL");
    if (!absl::IsUnavailable(status) || WaitForOthers(patience_.get(), tries) == 0) return status;
  }
}

absl::Status Database::Execute(const std::string& sql) {
  const int result = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus()
                             : ErrorOf(database_.get(), result, path_, *patience_);
}

absl::StatusOr<Statement> Database::Prepare(const std::string& sql) {
  Statement prepared;
  prepared.patience_ = patience_.get();
  prepared.path_ = path_;
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(database_.get(), sql.c_str(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  prepared.statement_.reset(statement);
  if (result != SQLITE_OK) return ErrorOf(database_.get(), result, path_, *patience_);
  return prepared;
}

int Database::changes() const { return sqlite3_changes(database_.get()); }

absl::StatusOr<std::unique_ptr<Transaction>> Transaction::Begin(Database& database,
                                                                Durability durability) {
  std::unique_ptr<Transaction> begun(new Transaction(database, durability));
  if (durability == Durability::kPowerLoss) {
    RETURN_IF_ERROR(database.Execute("PRAGMA synchronous=FULL"));
  }
  RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  begun->is_open_ = true;
  return begun;
}

absl::Status Transaction::Commit() {
  RETURN_IF_ERROR(database_.Execute("COMMIT"));
  is_open_ = false;
  return absl::OkStatus();
}

// An error that ended the transaction already makes the rollback one too.
Transaction::~Transaction() {
  if (is_open_) (void)database_.Execute("ROLLBACK");
  if (durability_ == Durability::kPowerLoss) (void)database_.Execute("PRAGMA synchronous=NORMAL");
}

}  // namespace millrace::sqlite
