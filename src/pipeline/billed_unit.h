// What a destination charges for, or counts against a quota; for estimates.
#ifndef MILLRACE_PIPELINE_BILLED_UNIT_H_
#define MILLRACE_PIPELINE_BILLED_UNIT_H_

#include <string_view>

namespace millrace {

// Which amount of a plan a unit is made of.
enum class BilledBy {
  kRecords,
  kBytes,      // of uncompressed JSON
  kGzipBytes,  // of compressed JSON
  kRequests,   // of SendLimits
};

struct BilledUnit {
  std::string_view name;  // of its price: "bigquery_write"
  std::string_view unit;  // "GiB written by the Storage Write API"
  BilledBy by = BilledBy::kBytes;
  double size = 1;              // records, bytes or requests in one unit
  double min_record_bytes = 0;  // kBytes: a smaller record counts as this
  double price = 0;             // of one unit in US dollars, unless the user gives another; 0: free
  std::string_view assumes = {};  // what else the estimate assumes; empty: nothing
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_BILLED_UNIT_H_
