using Sgl.Hosting;

namespace Sgl.Requests.Tests;

public sealed class ViolationListTests
{
    [Fact]
    public void Add_TheDozenth_EndsTheRequestWithAllOfThem()
    {
        var violations = new ViolationList();
        for (var i = 1; i < ViolationList.Most; i++)
        {
            violations.Add($"f[{i}]", "is wrong");
        }

        var fault = Assert.Throws<InvalidRequestException>(() => violations.Add("f[12]", "is wrong"));

        Assert.Equal(ViolationList.Most, fault.Violations.Count);
        Assert.Equal("f[12]", fault.Violations[^1].Field);
    }

    [Fact]
    public void Add_LongText_IsCut()
    {
        var violations = new ViolationList();
        violations.Add(new string('f', 100_000), new string('d', 100_000));
        Assert.InRange(violations.All[0].Field.Length + violations.All[0].Description.Length, 100, 2000);
    }

    [Fact]
    public void Of_OneOrMany_GivesWhatWasFoundAndThrowsForNothingElse()
    {
        Assert.Empty(ViolationList.Of(_ => { }));
        Assert.Single(ViolationList.Of(v => v.Add("a", "b")));
        Assert.Equal(ViolationList.Most, ViolationList.Of(v =>
        {
            while (true)
            {
                v.Add("a", "b");
            }
        }).Count);
        Assert.Throws<InvalidRequestException>(() => ViolationList.Of(_ => throw new InvalidRequestException("x", "y")));
    }

    [Fact]
    public void Quote_LongOrAbsentText_IsShort()
    {
        Assert.Equal("'sgl'", ViolationList.Quote("sgl"));
        Assert.Equal("null", ViolationList.Quote(null));
        Assert.InRange(ViolationList.Quote(new string('x', 1_000_000)).Length, 60, 70);
    }
}
