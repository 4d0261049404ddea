// Which distinct_ids are the same user, and by which of them Mixpanel's data is joined. Pure.
#ifndef MILLRACE_EXPORT_IDENTITY_GRAPH_H_
#define MILLRACE_EXPORT_IDENTITY_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "export/id_texts.h"

namespace millrace {

// How much an event says for an id as the one that its user has in the end. A larger one counts
// more.
enum class IdentityClaim : uint8_t {
  kNone = 0,        // an anonymous id, an alias, an id of $merge
  kIdentified = 1,  // the user's id of $identify, the id that an alias stands for
  kChosen = 2,      // Mixpanel has given the event this id instead of its own
};

// Links may be added in any order and repeatedly: the result is the same. Of a user's ids, the one
// with the largest claim is the resolved one; of several, the earliest, but the latest that
// Mixpanel has chosen; of those at the same time, the first in the order of bytes. Memory: about
// 100 bytes for an id of 36.
class IdentityGraph {
 public:
  struct Id {
    std::string_view text;
    IdentityClaim claim = IdentityClaim::kNone;
  };

  explicit IdentityGraph(uint64_t max_ids);
  IdentityGraph(const IdentityGraph&) = delete;
  IdentityGraph& operator=(const IdentityGraph&) = delete;

  // Both are ids of one user, as an event of the time `millis` says. ResourceExhausted: there are
  // more ids than allowed.
  absl::Status Link(const Id& a, const Id& b, int64_t millis);
  // The device is one of the user `user`, unless an earlier event says that it is another's.
  // Devices have no other links, and are no users.
  absl::Status Claim(std::string_view device, std::string_view user, int64_t millis);

  uint64_t size() const { return nodes_.size(); }
  // Used now.
  size_t bytes() const;

  std::string_view IdOf(uint32_t index) const { return texts_.At(nodes_[index].text); }
  // The resolved id of the id `index`, which is below size().
  std::string_view ResolvedOf(uint32_t index) const;

  // What is known of an id, to store it: `parent` is another of its user's, or itself.
  struct Entry {
    std::string id;
    uint32_t parent = 0;
    IdentityClaim claim = IdentityClaim::kNone;
    int64_t millis = 0;
  };
  Entry EntryOf(uint32_t index) const;
  // Adds the entry that had the index size(). Link() and Claim() can be used after Loaded().
  // InvalidArgument: the id is there.
  absl::Status Load(const Entry& entry);
  // All entries were loaded. InvalidArgument: a parent is not there.
  absl::Status Loaded();

 private:
  struct Node {
    uint64_t text = 0;    // where it is in texts_
    int64_t millis = 0;   // of the claim
    uint32_t parent = 0;  // itself: it is the root of its user's ids
    uint32_t best = 0;    // of a root: the resolved id
    IdentityClaim claim = IdentityClaim::kNone;
  };
  // Compares ids by their texts, of which a set of indexes has no copy.
  struct Hash {
    using is_transparent = void;
    const IdentityGraph* graph;
    size_t operator()(std::string_view text) const {
      return static_cast<size_t>(HashBytes(text).low);
    }
    size_t operator()(uint32_t index) const { return (*this)(graph->IdOf(index)); }
  };
  struct Same {
    using is_transparent = void;
    const IdentityGraph* graph;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, std::string_view b) const { return graph->IdOf(a) == b; }
    bool operator()(std::string_view a, uint32_t b) const { return graph->IdOf(b) == a; }
  };

  absl::StatusOr<uint32_t> Find(std::string_view text);  // or adds it
  uint32_t RootOf(uint32_t index) const;
  void Raise(uint32_t index, IdentityClaim claim, int64_t millis);
  bool IsBetter(uint32_t a, uint32_t b) const;

  const uint64_t max_ids_;
  IdTexts texts_;
  mutable std::deque<Node> nodes_;  // lookups shorten the way to the root
  absl::flat_hash_set<uint32_t, Hash, Same> index_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_IDENTITY_GRAPH_H_
