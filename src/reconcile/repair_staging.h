// The staging of a repair's run, whose ledger knows nothing of the commits of imports.
#ifndef MILLRACE_RECONCILE_REPAIR_STAGING_H_
#define MILLRACE_RECONCILE_REPAIR_STAGING_H_

#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pipeline/ledger.h"
#include "pipeline/staging.h"

namespace millrace {

// A repair announces its commits to a ledger that ends with it, so what a killed repair had staged
// belongs to nobody. RemoveOrphans() is called before the days are compared that say what the
// repair sends: what killed repairs have made visible by then is found, and the rest is gone and
// never becomes visible.
class RepairStaging final : public Staging {
 public:
  // `imports` is the ledger of the imports to `destination`. All outlive it.
  RepairStaging(Staging& staging, Ledger& imports, std::string destination)
      : staging_(staging), imports_(imports), destination_(std::move(destination)) {}

  std::unique_ptr<StagedSink> NewSink() override { return staging_.NewSink(); }
  std::unique_ptr<Committer> NewCommitter() override { return staging_.NewCommitter(); }
  // Keeps what the open commits of imports need, too.
  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override;

 private:
  Staging& staging_;
  Ledger& imports_;
  const std::string destination_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_REPAIR_STAGING_H_
