// Chunks that a worker has taken and not yet begun.
#ifndef MILLRACE_PIPELINE_TAKEN_CHUNKS_H_
#define MILLRACE_PIPELINE_TAKEN_CHUNKS_H_

#include <cstddef>
#include <deque>
#include <utility>

#include "pipeline/chunk_reader.h"

namespace millrace {

// In the order of reading. One thread at a time.
class TakenChunks {
 public:
  bool empty() const { return chunks_.empty(); }
  size_t memory() const { return memory_; }
  ChunkTicket& first_ticket() { return chunks_.front().ticket; }

  void Add(std::deque<ChunkReader::Taken> chunks) {
    for (ChunkReader::Taken& chunk : chunks) Add(std::move(chunk));
  }
  void Add(ChunkReader::Taken chunk) {
    memory_ += chunk.memory();
    chunks_.push_back(std::move(chunk));
  }
  ChunkReader::Taken Pop() {
    ChunkReader::Taken first = std::move(chunks_.front());
    chunks_.pop_front();
    memory_ -= first.memory();
    return first;
  }

 private:
  std::deque<ChunkReader::Taken> chunks_;
  size_t memory_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TAKEN_CHUNKS_H_
