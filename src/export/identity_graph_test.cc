#include "export/identity_graph.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include "base/strings.h"

namespace millrace {
namespace {

using Mapping = std::map<std::string, std::string, std::less<>>;

Mapping ResultOf(const IdentityGraph& graph) {
  Mapping result;
  for (uint32_t i = 0; i < graph.size(); ++i) result.emplace(graph.IdOf(i), graph.ResolvedOf(i));
  return result;
}

struct LinkEvent {
  std::string a, b;
  IdentityClaim claim_a, claim_b;
  int64_t millis;
};

// The same by other means: all ids that can be reached, and the largest claim of all events.
Mapping Oracle(const std::vector<LinkEvent>& events) {
  std::map<std::string, std::set<std::string>> neighbours;
  // Larger claims first, then times (the latest first if Mixpanel chose), then texts.
  std::map<std::string, std::tuple<int, int64_t, std::string>> keys;
  const auto raise = [&](const std::string& id, IdentityClaim claim, int64_t millis) {
    const int64_t order = claim == IdentityClaim::kChosen ? -millis : millis;
    const std::tuple key(-static_cast<int>(claim), order, id);
    const auto [found, is_new] = keys.emplace(id, key);
    if (!is_new) found->second = std::min(found->second, key);
  };
  for (const LinkEvent& one : events) {
    neighbours[one.a].insert(one.b);
    neighbours[one.b].insert(one.a);
    raise(one.a, one.claim_a, one.millis);
    raise(one.b, one.claim_b, one.millis);
  }
  Mapping result;
  for (const auto& [id, unused] : neighbours) {
    std::set<std::string> seen = {id};
    std::vector<std::string> open = {id};
    while (!open.empty()) {
      const std::string at = open.back();
      open.pop_back();
      for (const std::string& next : neighbours[at]) {
        if (seen.insert(next).second) open.push_back(next);
      }
    }
    auto best = keys.at(id);
    for (const std::string& other : seen) best = std::min(best, keys.at(other));
    result[id] = std::get<2>(best);
  }
  return result;
}

void Add(IdentityGraph& graph, const LinkEvent& event) {
  ASSERT_TRUE(graph.Link({event.a, event.claim_a}, {event.b, event.claim_b}, event.millis).ok());
}

// A copy by way of its entries.
void Copy(const IdentityGraph& from, IdentityGraph& to) {
  for (uint32_t i = 0; i < from.size(); ++i) ASSERT_TRUE(to.Load(from.EntryOf(i)).ok());
  ASSERT_TRUE(to.Loaded().ok());
}

TEST(IdentityGraphTest, IsTheSameAsTheOracleForRandomLinksInAnyOrderAndAcrossRuns) {
  std::mt19937 random(7);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  for (int round = 0; round < 400; ++round) {
    const int ids = 2 + below(30), count = below(60);
    std::vector<LinkEvent> events;
    for (int i = 0; i < count; ++i) {
      events.push_back({StrCat("id", below(ids)), StrCat("id", below(ids)),
                        static_cast<IdentityClaim>(below(3)), static_cast<IdentityClaim>(below(3)),
                        below(5)});
    }
    const Mapping expected = Oracle(events);
    IdentityGraph first(100), shuffled(100), stored(100);
    for (const LinkEvent& event : events) Add(first, event);
    ASSERT_EQ(ResultOf(first), expected) << "round " << round;
    std::shuffle(events.begin(), events.end(), random);
    const size_t part = events.size() / 2;
    for (size_t i = 0; i < events.size(); ++i) {
      Add(shuffled, events[i]);
      if (i == part) Copy(shuffled, stored);
      if (i > part) Add(stored, events[i]);
      if (i % 3 == 0) Add(shuffled, events[i]);  // repeats change nothing
    }
    ASSERT_EQ(ResultOf(shuffled), expected) << "round " << round;
    if (!events.empty()) {
      ASSERT_EQ(ResultOf(stored), expected) << "round " << round;
    }
  }
}

TEST(IdentityGraphTest, ChainsAndCyclesHaveOneResolvedId) {
  IdentityGraph graph(1'000'000);
  constexpr int kLength = 100'000;
  for (int i = 0; i < kLength; ++i) {
    const std::string a = StrCat("id", i), b = StrCat("id", (i + 1) % kLength);
    ASSERT_TRUE(graph.Link({a}, {b}, 1000 - i % 7).ok());
  }
  ASSERT_TRUE(graph.Link({"id5"}, {"user", IdentityClaim::kIdentified}, 9'999).ok());
  for (uint32_t i = 0; i < graph.size(); ++i) ASSERT_EQ(graph.ResolvedOf(i), "user");
}

TEST(IdentityGraphTest, ADeviceBelongsToItsFirstUser) {
  IdentityGraph graph(10), copy(10);
  ASSERT_TRUE(graph.Claim("$device:1", "b", 20).ok());
  ASSERT_TRUE(graph.Claim("$device:1", "a", 30).ok());
  ASSERT_TRUE(graph.Claim("$device:2", "a", 30).ok());
  ASSERT_TRUE(graph.Claim("$device:2", "c", 10).ok());
  ASSERT_TRUE(graph.Claim("$device:3", "c", 10).ok());
  ASSERT_TRUE(graph.Claim("$device:3", "b", 10).ok());
  const Mapping expected = {{"$device:1", "b"}, {"$device:2", "c"}, {"$device:3", "b"},
                            {"a", "a"},         {"b", "b"},         {"c", "c"}};
  EXPECT_EQ(ResultOf(graph), expected);
  Copy(graph, copy);
  EXPECT_EQ(ResultOf(copy), expected);
  ASSERT_TRUE(copy.Claim("$device:2", "b", 9).ok());
  EXPECT_EQ(ResultOf(copy)["$device:2"], "b");
}

TEST(IdentityGraphTest, HasALimit) {
  IdentityGraph graph(3);
  ASSERT_TRUE(graph.Link({"a"}, {"b"}, 1).ok());
  ASSERT_TRUE(graph.Link({"a"}, {"c"}, 1).ok());
  ASSERT_TRUE(graph.Link({"c"}, {"b"}, 1).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(graph.Link({"a"}, {"d"}, 1)));
  EXPECT_TRUE(absl::IsResourceExhausted(graph.Link({std::string(1 << 20, 'x')}, {"a"}, 1)));
}

TEST(IdentityGraphTest, AnIdOf36BytesTakesAbout100) {
  IdentityGraph graph(1'000'000);
  constexpr int kIds = 300'000;
  for (int i = 0; i < kIds; i += 2) {
    const std::string a = StrCat("01234567-89ab-cdef-0123-", 100'000'000'000 + i);
    const std::string b = StrCat("01234567-89ab-cdef-0123-", 100'000'000'001 + i);
    ASSERT_EQ(a.size(), 36);
    ASSERT_TRUE(graph.Link({a}, {b}, 1).ok());
  }
  RecordProperty("bytes_per_id", StrCat(graph.bytes() / kIds));
  EXPECT_LT(graph.bytes() / kIds, 100);
}

TEST(IdentityGraphTest, RefusesEntriesThatAreDamaged) {
  IdentityGraph twice(10), without(10);
  ASSERT_TRUE(twice.Load({.id = "a", .parent = 0}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(twice.Load({.id = "a", .parent = 0})));
  ASSERT_TRUE(without.Load({.id = "a", .parent = 7}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(without.Loaded()));
}

}  // namespace
}  // namespace millrace
