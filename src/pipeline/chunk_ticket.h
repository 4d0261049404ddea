// What a worker holds of a chunk until it has completed it.
#ifndef MILLRACE_PIPELINE_CHUNK_TICKET_H_
#define MILLRACE_PIPELINE_CHUNK_TICKET_H_

#include <cstdint>
#include <memory>

#include "pipeline/epochs.h"
#include "pipeline/object_progress.h"

namespace millrace {

// A chunk that was begun and must be completed, or abandoned with its object or the whole run.
struct ChunkTicket {
  std::shared_ptr<ObjectProgress> object;
  uint64_t number = 0;
  EpochShare epoch;  // of a staged run
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_CHUNK_TICKET_H_
