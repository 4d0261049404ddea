// A SQLite connection and its prepared statements, with errors as absl::Status.
#ifndef MILLRACE_CONNECTORS_SQLITE_DATABASE_H_
#define MILLRACE_CONNECTORS_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace::sqlite {

// With other processes that use the database.
struct Patience {
  absl::Duration max;
  std::stop_token stop;  // ends it early
};

// One statement, executed repeatedly. Bound text must live until Reset().
class Statement {
 public:
  Statement() = default;

  Statement& Bind(std::string_view text);
  Statement& Bind(uint64_t number);
  Statement& Bind(absl::Time time);  // to the microsecond

  // Steps to the next row: true; or false at the end, when changes are committed. Unavailable:
  // other processes locked the database for too long. Cancelled: they did until its stop was
  // requested.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();
  // Prepares for other values. Call it at the end of each use.
  void Reset();

  // Columns of the current row, from left to right.
  std::string NextText();
  uint64_t NextNumber();
  absl::Time NextTime();

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const Patience* patience_ = nullptr;  // of its database
  std::string path_;
  int bound_ = 0;
  int column_ = 0;
};

// Resets a statement at the end of a scope.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) {}
  ~Use() { statement_.Reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Statement& statement_;
};

// One thread at a time.
class Database {
 public:
  Database() = default;

  // Opens `path` (":memory:": a private one), creating it (mode 0600) and its folders (0700), with
  // a write-ahead log. Waits up to `busy` for other processes. Errors name the path: DataLoss if it
  // is no database or damaged, PermissionDenied if it cannot be written.
  static absl::StatusOr<Database> Open(const std::string& path, absl::Duration busy);

  // Opens `path`, which must exist, if possible without writing to it or beside it: SQLite needs a
  // file beside a database that others write to. Errors as above; PermissionDenied too if others
  // may be writing and that file cannot be made.
  static absl::StatusOr<Database> OpenToRead(const std::string& path, absl::Duration busy);

  // From now on, waits for other processes end soon after `stop` is requested.
  void StopWaitsAt(std::stop_token stop) { patience_->stop = std::move(stop); }

  const std::string& path() const { return path_; }
  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(const std::string& sql);
  // Rows that the last statement changed.
  int changes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  static absl::StatusOr<Database> OpenWith(const std::string& uri, int flags,
                                           const std::string& path, absl::Duration busy);
  absl::Status UseWriteAheadLog();

  std::unique_ptr<Patience> patience_;  // before what uses it
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

// A transaction that writes, which ends without effect unless it is committed. No other statement
// of the database may be begun before it.
class Transaction {
 public:
  // What its commit survives. Both survive a crash of the process.
  enum class Durability { kProcessCrash, kPowerLoss };

  // Waits for other processes that write. Errors as of Statement::Step().
  static absl::StatusOr<std::unique_ptr<Transaction>> Begin(
      Database& database, Durability durability = Durability::kProcessCrash);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::Status Commit();

 private:
  Transaction(Database& database, Durability durability)
      : database_(database), durability_(durability) {}

  Database& database_;
  const Durability durability_;
  bool is_open_ = false;
};

}  // namespace millrace::sqlite

#endif  // MILLRACE_CONNECTORS_SQLITE_DATABASE_H_
