// The small part of SQLite's C API that the stores need.
#ifndef MILLRACE_SANDBOX_SQLITE_DATABASE_H_
#define MILLRACE_SANDBOX_SQLITE_DATABASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace::sandbox {

// A prepared statement. Bind*() and Step() only while holding the database's lock.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  ~SqliteStatement();
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&& other) noexcept;

  // Prepares it for new values.
  void Reset();
  // `index` from 1; text must live until the next Reset().
  void BindInt(int index, int64_t value);
  void BindText(int index, std::string_view text);
  void BindBlob(int index, std::string_view bytes);
  // True if there is a row, false at the end.
  absl::StatusOr<bool> Step();
  // Steps to the end.
  absl::Status Run();
  int64_t Int(int column) const;
  // Valid until the next Step() or Reset(); also for blobs.
  std::string_view Text(int column) const;

 private:
  friend class SqliteDatabase;
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_ = nullptr;
};

// One connection for all stores of a folder. Callers that use it or its statements hold `mutex`.
class SqliteDatabase {
 public:
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Opens or creates `folder`/sandbox.db. The file survives a crash of the process; a crash of the
  // machine may lose the last moments. Unavailable if another sandbox has it open.
  static absl::StatusOr<std::shared_ptr<SqliteDatabase>> Open(const std::string& folder);

  absl::Mutex mutex;

  absl::Status Execute(const std::string& sql);
  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql);
  // Runs `body` in a transaction, which is rolled back after an error.
  absl::Status Transact(const std::function<absl::Status()>& body);
  // Rows that the last statement changed.
  int64_t changes() const;

 private:
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}
  sqlite3* const database_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_SQLITE_DATABASE_H_
