using Grpc.Core;

namespace Sgl.Router.Tests;

/// <summary>With keys it is the key that says whose cache entries a request finds, whatever it claims.</summary>
public sealed class KeyTenantTests
{
    [Theory]
    [InlineData("x-team", null, "alice")]
    [InlineData("x-team", "team-a", "team-a")]
    [InlineData(null, "team-a", null)]
    public async Task Answer_ByKey_TheModelServicesAreToldItsTenantAndNoOther(string? header, string? tenant, string? expected)
    {
        await using var guarded = await GuardedTrio.StartAsync(("Tenants:Header", header ?? ""), ("Access:Keys:0:Tenant", tenant ?? ""));

        foreach (var claims in new[] { new Metadata(), new Metadata { { "x-team", "bob" } }, new Metadata { { "x-team", "bob" }, { "x-team", "carol" } } })
        {
            using var call = guarded.Client(GuardedTrio.AlicesKey).Answer(Trio.Request(), claims);
            await call.ResponseStream.ReadAllAsync().LastAsync();

            Assert.True(guarded.Trio.Small.Headers.TryDequeue(out var sent));
            Assert.Equal(expected, sent.SingleOrDefault(e => e.Key == "x-team")?.Value);
            Assert.DoesNotContain(sent, e => e.Key is "authorization" or "x-api-key");
        }
    }
}
