using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Sgl.Access.Internal;
using Sgl.Hosting;

namespace Sgl.Access.Tests;

public sealed class KeyStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-keys").FullName;
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-06-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture));
    private readonly (string Alice, string Bob) _keys = (ApiKey.Create(), ApiKey.Create());

    private string File => Path.Combine(_folder, "keys.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Reload_KeysComeAndGo_TakenOver()
    {
        KeyFiles.Add(File, Key("alice", _keys.Alice));
        var store = Store();
        Assert.Equal("alice", Find(store, _keys.Alice)?.Name);
        Assert.Null(Find(store, _keys.Bob));

        KeyFiles.Add(File, Key("bob", _keys.Bob));
        Assert.Null(Find(store, _keys.Bob));
        store.Reload();
        Assert.Equal("bob", Find(store, _keys.Bob)?.Name);

        System.IO.File.WriteAllText(File, $$"""{ "keys": [ {{KeyFiles.ToJson(Key("bob", _keys.Bob))}} ] }""");
        store.Reload();
        Assert.Null(Find(store, _keys.Alice));
        Assert.NotNull(Find(store, _keys.Bob));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{ \"keys\": [ null ] }")]
    [InlineData("{ \"keys\": [ { \"name\": \"x\", \"hash\": \"sha256:1\" } ] }")]
    [InlineData("{ \"keys\": [ { \"nam\": \"x\" } ] }")]
    [InlineData(null)]
    public void Reload_FileThatCannotBeUsed_KeysStay(string? text)
    {
        KeyFiles.Add(File, Key("alice", _keys.Alice));
        var store = Store();
        if (text is null)
        {
            System.IO.File.Delete(File);
        }
        else
        {
            System.IO.File.WriteAllText(File, text);
        }

        store.Reload();
        store.Reload();

        Assert.NotNull(Find(store, _keys.Alice));

        // And when it is mended, it is taken.
        System.IO.File.Delete(File);
        KeyFiles.Add(File, Key("bob", _keys.Bob));
        store.Reload();
        Assert.Null(Find(store, _keys.Alice));
        Assert.NotNull(Find(store, _keys.Bob));
    }

    [Fact]
    public void Reload_LimitsUnchanged_WhatWasUsedStaysUsed()
    {
        var limited = Key("alice", _keys.Alice);
        limited.RequestsPerMinute = 1;
        KeyFiles.Add(File, limited);
        var store = Store();
        Find(store, _keys.Alice)!.Account.Enter();

        KeyFiles.Add(File, Key("bob", _keys.Bob));
        store.Reload();

        Assert.Equal(Shortage.Requests, Find(store, _keys.Alice)!.Account.Enter().Shortage);
    }

    [Fact]
    public void Find_ExpiredKey_ToldApart()
    {
        var options = new AccessOptions();
        var key = Key("alice", _keys.Alice);
        key.Expires = _time.GetUtcNow() + TimeSpan.FromMinutes(1);
        options.Keys.Add(key);
        var store = Store(options);

        Assert.NotNull(store.Ring.Find(_keys.Alice, _time.GetUtcNow(), out var expired));
        Assert.False(expired);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(store.Ring.Find(_keys.Alice, _time.GetUtcNow(), out expired));
        Assert.True(expired);
    }

    [Fact]
    public void Find_AnythingButTheKey_Nobody()
    {
        var options = new AccessOptions();
        options.Keys.Add(Key("alice", _keys.Alice));
        var store = Store(options);

        foreach (var other in new[] { "", _keys.Alice[..^1], _keys.Alice + "x", _keys.Alice.ToUpperInvariant(), options.Keys[0].Hash, "alice", new string('a', 100_000), "ä" })
        {
            Assert.Null(Find(store, other));
        }
    }

    [Fact]
    public void Ring_MoreKeysThanLabels_TheRestShareOne()
    {
        var options = new AccessOptions();
        for (var i = 0; i < KeyRing.MostLabels + 20; i++)
        {
            options.Keys.Add(Key($"k{i}", ApiKey.Create()));
        }

        var store = Store(options);

        Assert.Equal(KeyRing.MostLabels + 20, store.Ring.Count);
        Assert.Equal(KeyRing.MostLabels + 1, store.Ring.Labels.Count());
    }

    [Theory]
    [InlineData("", "", "Keys:0:Name is missing")]
    [InlineData("a b", "", "Keys:0:Name is no name")]
    [InlineData("alice", "", "Keys:0:Hash is missing")]
    [InlineData("alice", "sgl_secretsecretsecretsecretsecretsecret", "Keys:0:Hash is no hash")]
    public void Validate_KeyThatIsNone_NamedWithoutItsText(string name, string hash, string expected)
    {
        var options = new AccessOptions();
        options.Keys.Add(new KeyOptions { Name = name, Hash = hash });

        var failures = new AccessOptionsValidator().Validate(null, options).Failures!.ToList();

        Assert.Contains(failures, f => f.StartsWith($"Access:{expected}", StringComparison.Ordinal));
        Assert.DoesNotContain(failures, f => f.Contains("secretsecret", StringComparison.Ordinal));
    }

    [Fact]
    public void Validate_EverythingWrong_AllTold()
    {
        var options = new AccessOptions { KeysFile = Path.Combine(_folder, "none.json"), ReloadInterval = TimeSpan.Zero };
        options.Keys.Add(new KeyOptions { Name = "a", Hash = ApiKey.Hash(_keys.Alice), RequestsPerMinute = 0, TokensPerMinute = -1, MaxConcurrent = 0, Routes = ["medium"], Policies = [" "] });
        options.Keys.Add(new KeyOptions { Name = "A", Hash = ApiKey.Hash(_keys.Alice).ToUpperInvariant().Replace("SHA256", "sha256", StringComparison.Ordinal), Tenant = "x\ny" });
        options.Jwt.Authority = "http://issuer";
        options.Jwt.JwksFile = Path.Combine(_folder, "jwks.json");

        var failures = string.Join('\n', new AccessOptionsValidator().Validate(null, options).Failures!);

        Assert.All(
            [
                "KeysFile cannot be used", "ReloadInterval", "Keys:0:RequestsPerMinute is 0", "Keys:0:TokensPerMinute is -1", "Keys:0:MaxConcurrent is 0", "Keys:0:Routes has 'medium'",
                "Keys:0:Policies has an empty name", "Keys:1:Name is 'A', as another", "Keys:1:Hash is another key's too", "Keys:1:Tenant is no name", "Jwt:Authority is 'http://issuer'",
                "Jwt:JwksFile is set together", "Jwt:JwksFile cannot be used", "Jwt:Audience is missing", "Jwt:Issuer is missing",
            ],
            (string e) => Assert.Contains($"Access:{e}", failures, StringComparison.Ordinal));
    }

    [Fact]
    public void Add_NameTwice_RefusedAndTheFileStays()
    {
        KeyFiles.Add(File, Key("alice", _keys.Alice));
        var before = System.IO.File.ReadAllText(File);

        Assert.Throws<SettingsFileException>(() => KeyFiles.Add(File, Key("alice", _keys.Bob)));

        Assert.Equal(before, System.IO.File.ReadAllText(File));
        Assert.Single(Directory.GetFiles(_folder));
        Assert.DoesNotContain(_keys.Alice, before, StringComparison.Ordinal);
        Assert.True(OperatingSystem.IsWindows() || System.IO.File.GetUnixFileMode(File) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    private static KeyOptions Key(string name, string key) => new() { Name = name, Hash = ApiKey.Hash(key) };

    private Caller? Find(KeyStore store, string key) => store.Ring.Find(key, _time.GetUtcNow(), out _);

    private KeyStore Store(AccessOptions? options = null) => new(
        Options.Create(options ?? new AccessOptions { KeysFile = File }),
        new AccessMetrics(new ServiceMetrics(new ServiceSetup { Name = "test", HealthNames = [] })), _time, NullLogger<KeyStore>.Instance);
}
