#include "shared/base/list.h"

#include "tests/unit/test.h"

struct item {
    int number;
    struct list link;
};

static void test_order_and_removal(void **state)
{
    (void)state;
    struct list list;
    struct item items[4];
    list_init(&list);
    assert_true(list_empty(&list));
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_append(&list, &items[i].link);
    }
    list_remove(&items[1].link);
    list_remove(&items[1].link); /* harmless twice */
    int expected[] = {0, 2, 3};
    size_t seen = 0;
    LIST_FOR_EACH(link, next, &list)
    {
        assert_int_equal(LIST_ITEM(link, struct item, link)->number, expected[seen]);
        seen++;
    }
    assert_int_equal(seen, 3);
}

static void test_current_item_may_go(void **state)
{
    (void)state;
    struct list list;
    struct item items[3];
    list_init(&list);
    for (int i = 0; i < 3; i++)
        list_append(&list, &items[i].link);
    LIST_FOR_EACH(link, next, &list)
    {
        list_remove(link);
    }
    assert_true(list_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_removal),
        cmocka_unit_test(test_current_item_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
