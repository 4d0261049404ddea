// The documents of the Firestore stand-in, and what its requests do with them.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_DOCUMENTS_H_
#define MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_DOCUMENTS_H_

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::firestore {

// One thread at a time. Requests and responses are those of the REST API; an error's code is that
// of its "status". Names are whole: "projects/P/databases/D/documents/c/d".
class FakeDocuments {
 public:
  explicit FakeDocuments(Clock& clock);
  ~FakeDocuments();

  using Json = nlohmann::json;

  absl::StatusOr<Json> Commit(const std::string& root, const Json& request);
  absl::StatusOr<Json> BatchWrite(const std::string& root, const Json& request);
  absl::StatusOr<Json> BatchGet(const std::string& root, const Json& request);
  absl::StatusOr<Json> BeginTransaction(const Json& request);
  absl::StatusOr<Json> Rollback(const Json& request);
  absl::StatusOr<Json> RunQuery(const std::string& root, const Json& request);

  absl::Time Now();

 private:
  struct Document;
  struct Transaction;
  struct Write;

  absl::StatusOr<Write> ParseWrite(const std::string& root, const Json& write) const;
  absl::Status CheckPrecondition(const Write& write) const;
  Json Apply(const Write& write, absl::Time at);
  absl::Time Tick();
  absl::Status EndTransaction(const std::string& id);
  std::optional<absl::Time> UpdateTimeOf(const std::string& name) const;

  Clock& clock_;
  absl::Duration ticks_;
  std::map<std::string, std::unique_ptr<Document>> documents_;  // by name
  std::map<std::string, std::unique_ptr<Transaction>> transactions_;
  int begun_ = 0;
};

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_TESTING_FAKE_DOCUMENTS_H_
