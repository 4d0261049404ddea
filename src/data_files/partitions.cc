#include "data_files/partitions.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace millrace::data_files {
namespace {

constexpr size_t kMaxCoders = 8;

}  // namespace

Partitions::Partitions(const FileLayout& layout, const TableForm& form, std::string scratch)
    : layout_(layout),
      scratch_(std::move(scratch)),
      coders_(kMaxCoders, [this, &form] { return NewBlockCoder(layout_, form, scratch_); }) {}

absl::StatusOr<size_t> Partitions::Add(const EncodedRows& rows) {
  std::vector<Taken> full;
  size_t added = 0;
  {
    absl::MutexLock lock(&mutex_);
    const size_t before = partitions_.size();
    for (size_t row = 0; row < rows.rows.size();) {
      // Most rows are in the partition of the row before.
      const PathTemplate::Partition key = rows.rows[row].partition;
      const size_t first = row;
      while (row < rows.rows.size() && rows.rows[row].partition == key) ++row;
      const size_t begin = first == 0 ? 0 : rows.rows[first - 1].end;
      Partition& partition = partitions_[key];
      memory_ -= partition.bytes.capacity();
      partition.bytes.Append(rows.bytes.view(begin, rows.rows[row - 1].end));
      memory_ += partition.bytes.capacity();
      partition.rows += row - first;
      if (partition.bytes.size() >= kBlockBytes) Move(key, partition, full);
    }
    added = partitions_.size() - before;
  }
  RETURN_IF_ERROR(Encode(full));
  RETURN_IF_ERROR(Shrink());
  return added;
}

absl::Status Partitions::Shrink() {
  absl::MutexLock shrinking(&shrinking_);
  std::vector<Taken> largest;
  {
    absl::MutexLock lock(&mutex_);
    if (memory_ > kMaxMemory) MoveLargest(largest);
  }
  return Encode(largest);
}

void Partitions::Move(PathTemplate::Partition key, Partition& partition, std::vector<Taken>& to) {
  to.push_back(
      {key, std::exchange(partition.bytes, ByteBuffer()), std::exchange(partition.rows, 0)});
}

// Those of at least the average size, which is a good part of all.
void Partitions::MoveLargest(std::vector<Taken>& to) {
  const size_t average = memory_ / partitions_.size();
  for (auto& [key, partition] : partitions_) {
    if (partition.rows > 0 && partition.bytes.capacity() >= average) Move(key, partition, to);
  }
}

// What cannot be encoded is put back.
absl::Status Partitions::Encode(std::vector<Taken>& taken) {
  if (taken.empty()) return absl::OkStatus();
  const auto coder = Coder();
  absl::Status status;
  for (Taken& one : taken) {
    absl::StatusOr<Block> block =
        status.ok() ? (*coder)->Encode(one.bytes.view(), one.rows) : absl::StatusOr<Block>(status);
    status = block.status();
    absl::MutexLock lock(&mutex_);
    Partition& partition = partitions_[one.partition];
    memory_ -= one.bytes.capacity();
    if (block.ok()) {
      partition.blocks.push_back(*block);
      one.bytes = ByteBuffer();
      continue;
    }
    memory_ -= partition.bytes.capacity();
    partition.bytes.Append(one.bytes.view());
    memory_ += partition.bytes.capacity();
    partition.rows += one.rows;
  }
  return status;
}

absl::StatusOr<std::vector<Partitions::File>> Partitions::Take() {
  std::vector<Taken> rest;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [key, partition] : partitions_) {
      if (partition.rows > 0) Move(key, partition, rest);
    }
  }
  RETURN_IF_ERROR(Encode(rest));
  std::vector<File> files;
  absl::MutexLock lock(&mutex_);
  for (auto& [key, partition] : partitions_) {
    uint64_t bytes = 0;
    bool begins = true;
    for (const Block& block : partition.blocks) {
      if (begins || bytes + block.extent.size > layout_.file_bytes) {
        files.push_back({.partition = key, .blocks = {}});
        bytes = 0;
      }
      begins = false;
      bytes += block.extent.size;
      files.back().rows += block.rows;
      files.back().blocks.push_back(block);
    }
  }
  partitions_.clear();
  memory_ = 0;
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.partition < b.partition; });
  return files;
}

void Partitions::Clear() {
  absl::MutexLock lock(&mutex_);
  partitions_.clear();
  memory_ = 0;
  scratch_.Reset();
}

void Partitions::Release() {
  absl::MutexLock lock(&mutex_);
  if (partitions_.empty()) scratch_.Reset();
}

}  // namespace millrace::data_files
