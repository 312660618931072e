namespace Sgl.Access.Tests;

public sealed class ApiKeyTests
{
    [Fact]
    public void Create_Twice_DifferentKeysOf256BitsThatHash()
    {
        var (one, two) = (ApiKey.Create(), ApiKey.Create());

        Assert.NotEqual(one, two);
        Assert.Matches("^sgl_[A-Za-z0-9_-]{43}$", one);
        Assert.Matches("^sha256:[0-9a-f]{64}$", ApiKey.Hash(one));
        Assert.NotEqual(ApiKey.Hash(one), ApiKey.Hash(two));
    }

    [Fact]
    public void Hash_KnownKey_IsSha256OfItsCharacters() => // printf %s aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | sha256sum
        Assert.Equal("sha256:3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547", ApiKey.Hash(new string('a', 32)));

    [Theory]
    [InlineData("")]
    [InlineData("hunter2")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa aaa")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaä")]
    public void Hash_WhatPeopleThinkOf_Refused(string key)
    {
        var error = Assert.Throws<ArgumentException>(() => ApiKey.Hash(key));
        if (key.Length > 0)
        {
            Assert.DoesNotContain(key, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Hash_TooLong_Refused() => Assert.Throws<ArgumentException>(() => ApiKey.Hash(new string('a', ApiKey.MaxLength + 1)));

    [Theory]
    [InlineData("sha256:xx")]
    [InlineData("sha256:")]
    [InlineData("3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547")]
    [InlineData("sha256:3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a54g")]
    [InlineData("sha512:3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547")]
    public void ParseHash_NoHash_Null(string text) => Assert.Null(ApiKey.ParseHash(text));
}
