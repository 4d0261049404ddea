// What the tests against a PostgreSQL server share; MILLRACE_TEST_POSTGRES names the server
// (postgres_server.py).
#ifndef MILLRACE_TESTS_INTEGRATION_POSTGRES_SCHEMA_H_
#define MILLRACE_TESTS_INTEGRATION_POSTGRES_SCHEMA_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/strings.h"
#include "connectors/postgres/postgres_destination.h"
#include "postgres_client/connection.h"

namespace millrace {

inline std::string ServerUri() {
  const char* uri = std::getenv("MILLRACE_TEST_POSTGRES");
  return uri == nullptr ? "" : uri;
}

// The main() of a test program; 77 means that it was skipped.
inline int RunPostgresTests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (ServerUri().empty()) {
    puts("skipped: MILLRACE_TEST_POSTGRES names no server");
    return 77;
  }
  return RUN_ALL_TESTS();
}

// The folder of the server's socket.
inline std::string SocketFolder() { return ServerUri().substr(ServerUri().find("host=") + 5); }

// A schema of its own, and a connection of the server's owner.
class Schema {
 public:
  Schema() : admin_(*postgres::Address::Parse(ServerUri())) {
    static std::atomic<int> made{0};
    name_ = StrCat("s", getpid(), "_", ++made);
    Run(StrCat("CREATE SCHEMA ", name_));
  }
  ~Schema() {
    admin_.Rollback();
    Run(StrCat("DROP SCHEMA IF EXISTS ", name_, " CASCADE"));
  }

  const std::string& name() const { return name_; }
  // A DEST in the schema; `server` is the part before.
  std::string Uri(std::string_view query, const std::string& server = ServerUri()) const {
    return StrCat(server, "&schema=", name_, query.empty() ? "" : "&", query);
  }
  // "$" in the statements is the schema.
  std::string In(std::string_view sql) const {
    return absl::StrReplaceAll(ToAbsl(sql), {{"$", name_}});
  }
  void Run(std::string_view sql) {
    const absl::Status status = admin_.ExecuteAll(In(sql).c_str(), {});
    EXPECT_TRUE(status.ok()) << sql << ": " << status;
  }
  std::string Text(std::string_view sql) {
    const auto rows = admin_.Query(In(sql), {});
    EXPECT_TRUE(rows.ok()) << sql << ": " << rows.status();
    return rows.ok() && rows->size() > 0 ? std::string(rows->Text(0, 0)) : "";
  }
  int64_t Number(std::string_view sql) { return std::atoll(Text(sql).c_str()); }
  void EndConnections() {
    Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'millrace' AND pid <> pg_backend_pid()");
  }

 private:
  postgres::Connection admin_;
  std::string name_;
};

inline std::unique_ptr<Destination> MustOpen(const std::string& uri) {
  absl::StatusOr<std::unique_ptr<Destination>> destination =
      OpenPostgresDestination(uri, Clock::Real());
  EXPECT_TRUE(destination.ok()) << destination.status();
  return destination.ok() ? *std::move(destination) : nullptr;
}

inline std::string Event(int n, std::string_view user = "good") {
  return StrCat(R"({"event":"e","properties":{"time":1796008365,"distinct_id":")", user,
                R"(","n":)", n, "}}");
}

inline std::string TempFolder() {
  std::string folder = testing::TempDir() + "mrproxy_XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  return folder;
}

}  // namespace millrace

#endif  // MILLRACE_TESTS_INTEGRATION_POSTGRES_SCHEMA_H_
