using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Sgl.Client.Tests;

/// <summary>Settings of the client, and its registration.</summary>
[Collection(nameof(DemoRouter))]
public sealed class OptionsTests(DemoRouter router)
{
    [Fact]
    public async Task Start_EverythingIsWrong_IsToldAtOnce()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSglClient(o =>
        {
            (o.Address, o.ApiKey) = ("localhost:5100", "two words");
            (o.Timeout, o.MaxReceiveMessageBytes) = (TimeSpan.Zero, 1);
        });
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(4, error.Failures.Count());
        Assert.All(["Address", "ApiKey", "Timeout", "MaxReceiveMessageBytes"], name => Assert.Contains(error.Failures, f => f.StartsWith($"SglClientOptions.{name} ", StringComparison.Ordinal)));
        Assert.DoesNotContain("two words", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://router.example:5100", true, false)]
    [InlineData("http://router.example:5100", false, true)]
    [InlineData("https://router.example", true, true)]
    [InlineData("http://localhost:5100", true, true)]
    [InlineData("http://user:secret@localhost:5100", false, false)]
    [InlineData("http://localhost:5100/v1", false, false)]
    [InlineData("", false, false)]
    public void Client_Address_IsTakenOrRefused(string address, bool key, bool taken)
    {
        var options = new SglClientOptions { Address = address, ApiKey = key ? "k" : null };

        if (taken)
        {
            new SglClient(options).Dispose();
            return;
        }

        var error = Assert.Throws<ArgumentException>(() => new SglClient(options));
        Assert.Contains("SglClientOptions.Address", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Client_KeyWithoutTlsAllowed_IsTaken() => new SglClient(new SglClientOptions { Address = "http://router.example", ApiKey = "k", AllowKeyWithoutTls = true }).Dispose();

    [Fact]
    public async Task AddSglClient_SettingsOfAFile_Answers()
    {
        var options = router.Options();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Sgl:Address"] = options.Address, ["Sgl:ApiKey"] = options.ApiKey, ["Sgl:Timeout"] = "00:01:00" });
        builder.Services.AddSglClient(o => builder.Configuration.GetSection("Sgl").Bind(o));
        using var host = builder.Build();
        await host.StartAsync();

        var client = host.Services.GetRequiredService<SglClient>();

        Assert.Same(client, host.Services.GetRequiredService<SglClient>());
        Assert.Equal("CUP", (await client.AnswerAsync(DemoRouter.Question(new() { Threshold = 2 }))).Text);
    }
}
