#include "export/identity_graph.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMaxIdBytes = 64 << 10;  // Mixpanel truncates ids at 255

}  // namespace

IdentityGraph::IdentityGraph(uint64_t max_ids)
    : max_ids_(std::min<uint64_t>(max_ids, UINT32_MAX)),
      index_(/*bucket_count=*/0, Hash{this}, Same{this}) {}

absl::StatusOr<uint32_t> IdentityGraph::Find(std::string_view text) {
  const auto found = index_.find(text);
  if (found != index_.end()) return *found;
  if (text.size() > kMaxIdBytes) {
    return absl::ResourceExhaustedError(StrCat("an id has ", text.size(), " bytes"));
  }
  if (nodes_.size() >= max_ids_) {
    return absl::ResourceExhaustedError(
        StrCat("more than ", max_ids_, " ids have identities; give a larger --max-ids: each takes ",
               "about 100 bytes of memory"));
  }
  const uint32_t index = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({.text = texts_.Add(text), .millis = INT64_MAX, .parent = index, .best = index});
  index_.insert(index);
  return index;
}

uint32_t IdentityGraph::RootOf(uint32_t index) const {
  while (nodes_[index].parent != index) {
    const uint32_t parent = nodes_[index].parent;
    nodes_[index].parent = nodes_[parent].parent;
    index = parent;
  }
  return index;
}

bool IdentityGraph::IsBetter(uint32_t a, uint32_t b) const {
  const Node& one = nodes_[a];
  const Node& other = nodes_[b];
  if (one.claim != other.claim) return one.claim > other.claim;
  if (one.millis != other.millis) {
    return (one.millis < other.millis) != (one.claim == IdentityClaim::kChosen);
  }
  return IdOf(a) < IdOf(b);
}

void IdentityGraph::Raise(uint32_t index, IdentityClaim claim, int64_t millis) {
  Node& node = nodes_[index];
  if (claim < node.claim) return;
  const bool later_counts = claim == IdentityClaim::kChosen;
  if (claim > node.claim || (millis < node.millis) != later_counts) {
    node.claim = claim;
    node.millis = millis;
  }
}

absl::Status IdentityGraph::Link(const Id& a, const Id& b, int64_t millis) {
  ASSIGN_OR_RETURN(const uint32_t first, Find(a.text));
  ASSIGN_OR_RETURN(const uint32_t second, Find(b.text));
  Raise(first, a.claim, millis);
  Raise(second, b.claim, millis);
  const uint32_t root = RootOf(first);
  const uint32_t other = RootOf(second);
  uint32_t best = nodes_[root].best;
  for (const uint32_t candidate : {nodes_[other].best, first, second}) {
    if (IsBetter(candidate, best)) best = candidate;
  }
  nodes_[other].parent = root;
  nodes_[root].best = best;
  return absl::OkStatus();
}

absl::Status IdentityGraph::Claim(std::string_view device, std::string_view user, int64_t millis) {
  ASSIGN_OR_RETURN(const uint32_t owned, Find(device));
  ASSIGN_OR_RETURN(const uint32_t owner, Find(user));
  if (owned == owner) return absl::OkStatus();
  nodes_[owner].claim = IdentityClaim::kIdentified;
  Node& node = nodes_[owned];
  const bool is_first = node.parent == owned || millis < node.millis ||
                        (millis == node.millis && IdOf(owner) < IdOf(node.parent));
  if (is_first) node.parent = owner, node.millis = millis;
  return absl::OkStatus();
}

std::string_view IdentityGraph::ResolvedOf(uint32_t index) const {
  return IdOf(nodes_[RootOf(index)].best);
}

IdentityGraph::Entry IdentityGraph::EntryOf(uint32_t index) const {
  const Node& node = nodes_[index];
  return {.id = std::string(IdOf(index)),
          .parent = RootOf(index),
          .claim = node.claim,
          .millis = node.millis};
}

absl::Status IdentityGraph::Load(const Entry& entry) {
  const uint64_t before = size();
  ASSIGN_OR_RETURN(const uint32_t index, Find(entry.id));
  if (index < before) return absl::InvalidArgumentError("an id is there twice");
  nodes_[index].parent = entry.parent;
  nodes_[index].claim = entry.claim;
  nodes_[index].millis = entry.millis;
  return absl::OkStatus();
}

absl::Status IdentityGraph::Loaded() {
  for (const Node& node : nodes_) {
    if (node.parent >= size() || nodes_[node.parent].parent != node.parent) {
      return absl::InvalidArgumentError("the root of an id is not there");
    }
  }
  for (uint32_t index = 0; index < size(); ++index) {
    uint32_t& best = nodes_[nodes_[index].parent].best;
    if (IsBetter(index, best)) best = index;
  }
  return absl::OkStatus();
}

size_t IdentityGraph::bytes() const {
  return texts_.bytes() + nodes_.size() * sizeof(Node) + index_.capacity() * (sizeof(uint32_t) + 1);
}

}  // namespace millrace
