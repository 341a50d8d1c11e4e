#include "core/base/strings.h"
#include "filter/filter.h"

namespace retort {

#define RETORT_FILTER(name, factory) std::unique_ptr<TraceFilter> factory(ConfigSection& section);
#include "filter/filters.def"
#undef RETORT_FILTER
#define RETORT_VIEW(name, factory) std::unique_ptr<DatasetView> factory(ConfigSection& section);
#include "filter/views.def"
#undef RETORT_VIEW

namespace {

template <typename Part>
struct Entry {
  const char* name;
  std::unique_ptr<Part> (*factory)(ConfigSection&);
};

constexpr Entry<TraceFilter> kFilters[] = {
#define RETORT_FILTER(name, factory) {#name, factory},
#include "filter/filters.def"
#undef RETORT_FILTER
};

constexpr Entry<DatasetView> kViews[] = {
#define RETORT_VIEW(name, factory) {#name, factory},
#include "filter/views.def"
#undef RETORT_VIEW
};

template <typename Part, size_t kCount>
std::vector<std::string> Names(const Entry<Part> (&entries)[kCount]) {
  std::vector<std::string> names;
  for (const Entry<Part>& entry : entries) names.emplace_back(entry.name);
  return names;
}

template <typename Part, size_t kCount>
std::unique_ptr<Part> Make(const Entry<Part> (&entries)[kCount], std::string name,
                           ConfigSection& section) {
  section.Choice("name", &name, Names(entries));
  for (const Entry<Part>& entry : entries) {
    if (name == entry.name) return entry.factory(section);
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> FilterNames() { return Names(kFilters); }

std::unique_ptr<TraceFilter> MakeFilter(ConfigSection section) {
  if (!section.Has("name")) {
    section.Fail("name", "missing: one of " + Join(FilterNames(), ", "));
    return nullptr;
  }
  return Make(kFilters, "", section);
}

std::vector<std::string> ViewNames() { return Names(kViews); }

std::unique_ptr<DatasetView> MakeView(ConfigSection section) {
  return Make(kViews, "completion", section);
}

}  // namespace retort
