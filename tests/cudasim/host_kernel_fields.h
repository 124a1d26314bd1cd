/*
 * Where the pointers are in a kernel's argument. Of a struct its members are looked at one by one,
 * and those of structs in it: what lies between members, and numbers, must not be taken for
 * addresses. That works for plain structs of up to 16 members, none of them an array.
 */
#ifndef CUDASIM_HOST_KERNEL_FIELDS_H
#define CUDASIM_HOST_KERNEL_FIELDS_H

#include "host_kernel.h"

#include <type_traits>
#include <utility>

/* Stands for a member of any type in a list of initializers; only types are looked at. */
struct cudasim_any {
    template <typename T> operator T() const;
};

template <typename T, typename Places, typename = void> struct cudasim_takes : std::false_type {
};

template <typename T, size_t... I>
struct cudasim_takes<T, std::index_sequence<I...>,
                     std::void_t<decltype(T{((void)I, cudasim_any())...})>> : std::true_type {
};

/* The number of members: as many values as the struct can be initialized with. */
template <typename T, size_t count = 16> constexpr size_t cudasim_field_count()
{
    if constexpr (count == 0 || cudasim_takes<T, std::make_index_sequence<count>>::value)
        return count;
    else
        return cudasim_field_count<T, count - 1>();
}

/* Adds the places of the pointers in `object`, which lies in the argument at `start`. */
template <typename T>
void cudasim_find_pointers(cudasim_argument &argument, const char *start, const T &object);

template <typename... T>
void cudasim_find_in_fields(cudasim_argument &argument, const char *start, const T &...fields)
{
    (cudasim_find_pointers(argument, start, fields), ...);
}

#define CUDASIM_FIELDS(number, ...)                                                                \
    else if constexpr (count == number)                                                            \
    {                                                                                              \
        const auto &[__VA_ARGS__] = object;                                                        \
        cudasim_find_in_fields(argument, start, __VA_ARGS__);                                      \
    }

template <typename T>
void cudasim_find_in_struct(cudasim_argument &argument, const char *start, const T &object)
{
    constexpr size_t count = cudasim_field_count<T>();
    if constexpr (count == 0) {
    }
    CUDASIM_FIELDS(1, a)
    CUDASIM_FIELDS(2, a, b)
    CUDASIM_FIELDS(3, a, b, c)
    CUDASIM_FIELDS(4, a, b, c, d)
    CUDASIM_FIELDS(5, a, b, c, d, e)
    CUDASIM_FIELDS(6, a, b, c, d, e, f)
    CUDASIM_FIELDS(7, a, b, c, d, e, f, g)
    CUDASIM_FIELDS(8, a, b, c, d, e, f, g, h)
    CUDASIM_FIELDS(9, a, b, c, d, e, f, g, h, i)
    CUDASIM_FIELDS(10, a, b, c, d, e, f, g, h, i, j)
    CUDASIM_FIELDS(11, a, b, c, d, e, f, g, h, i, j, k)
    CUDASIM_FIELDS(12, a, b, c, d, e, f, g, h, i, j, k, l)
    CUDASIM_FIELDS(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
    CUDASIM_FIELDS(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    CUDASIM_FIELDS(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
    CUDASIM_FIELDS(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

template <typename T>
void cudasim_find_pointers(cudasim_argument &argument, const char *start, const T &object)
{
    static_assert(!std::is_array<T>::value,
                  "an argument of a kernel has a member that is an array");
    if constexpr (std::is_pointer<T>::value) {
        if (argument.pointer_count == CUDASIM_MAX_POINTERS)
            cudasim_fail("an argument of a kernel with more than %d pointers",
                         CUDASIM_MAX_POINTERS);
        argument.pointers[argument.pointer_count++] =
            static_cast<size_t>(reinterpret_cast<const char *>(&object) - start);
    } else if constexpr (std::is_class<T>::value && std::is_aggregate<T>::value) {
        cudasim_find_in_struct(argument, start, object);
    }
}

template <typename T> cudasim_argument cudasim_argument_of()
{
    static const T object{};
    cudasim_argument argument = {};
    argument.nbytes = sizeof(T);
    cudasim_find_pointers(argument, reinterpret_cast<const char *>(&object), object);
    return argument;
}

#endif
