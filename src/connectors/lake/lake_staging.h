// Stages files of a lake and commits them.
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_STAGING_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_STAGING_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "connectors/lake/lake_spec.h"
#include "connectors/lake/lake_store.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::lake {

// What staging needs; all of it outlives it.
struct LakeParts {
  const LakeSpec& spec;
  const TableForm& form;
  LakeStore& store;
  Traffic& traffic;
  Clock& clock;
};

// Rows are collected by partition, in memory and in a scratch file in the folder `scratch`, whose
// disk space ends with the process. Sealing writes them as files under names that readers do not
// look for; a commit moves these to their names, and then writes a manifest, whose existence is the
// commit.
std::unique_ptr<Staging> NewLakeStaging(const LakeParts& parts, std::string scratch);

}  // namespace millrace::lake

#endif  // MILLRACE_CONNECTORS_LAKE_LAKE_STAGING_H_
