using Microsoft.Extensions.Options;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class ModelChoiceTests
{
    private static readonly RouterPolicies Policy = new(Options.Create(new RouterOptions()));

    [Fact]
    public void Choose_NothingKnown_Nothing() => Assert.Equal((null, null), ModelChoice.Choose(Serving(), Serving(), Policy));

    [Theory]
    [InlineData("a", "b,a,a", "a")] // most replicas
    [InlineData("a", "b,a", "b")] // the order of the setting
    [InlineData("a", "x,x,a", "a")] // x does not fit the small model
    [InlineData("x,a", "x,a", "x")] // both fit somewhere: the order
    [InlineData("x,a", "a", "a")]
    public void Choose_Fresh_APairThatFitsThenTheMostThenTheFirst(string small, string large, string expected)
    {
        var (_, chosen) = ModelChoice.Choose(Serving(small.Split(',')), Serving(large.Split(',')), Policy);

        Assert.Equal(expected, chosen!.Name);
    }

    [Theory]
    [InlineData("b,b,b", "a,b,b,b", "a")] // dead, but it never said anything else
    [InlineData("b,b,b", "b,b,b", "b")] // gone, or replaced
    [InlineData("", "", "a")] // nobody knows better
    [InlineData("a,b,b", "a,b,b", "a")]
    public void Choose_Established_StaysWhileOneOfItsReplicasIsLeft(string serving, string known, string expected)
    {
        var large = new ModelOffer(Models(serving), Models(known), Model("a"));

        var (_, chosen) = ModelChoice.Choose(Serving("a"), large, Policy);

        Assert.Equal(expected, chosen!.Name);
    }

    [Fact]
    public void Choose_EstablishedPairDoesNotFit_GivesWayToOneThatDoes()
    {
        var large = new ModelOffer(Models("x,a"), Models("x,a"), Model("x"));

        Assert.Equal("a", ModelChoice.Choose(Serving("a"), large, Policy).Large!.Name);
    }

    private static ModelOffer Serving(params string[] names) => new([.. names.Select(Model)], [.. names.Select(Model)], null);

    private static List<Wire.ModelInfo> Models(string names) => [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Model)];

    private static Wire.ModelInfo Model(string name) =>
        new() { Name = name, LayerCount = 10, VisualLayoutKey = name == "x" ? "other" : "same", PruneLayers = { 0, 1, 2, 4 } };
}
