using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Sgl.Hosting.Tests;

public sealed class TenantTests
{
    [Fact]
    public void Of_NotConfigured_NoHeaderIsBelieved()
    {
        var tenants = Tenants(null);

        Assert.Equal(new Tenant(null), tenants.Of(Request("x-sgl-tenant", "a")));
        Assert.Null(tenants.ToMetadata(new Tenant("a")));
    }

    [Fact]
    public void Of_Configured_TheHeaderInAnyCaseAndNothingElse()
    {
        var tenants = Tenants("X-Team");

        Assert.Equal("a", tenants.Of(Request("x-team", "a")).Scope);
        Assert.Equal("", tenants.Of(Request("x-sgl-tenant", "a")).Scope);
        Assert.Equal(("x-team", "a"), (tenants.ToMetadata(new Tenant("a"))!.Key, tenants.ToMetadata(new Tenant("a"))!.Value));
        Assert.Null(tenants.ToMetadata(new Tenant("")));
    }

    [Theory]
    [InlineData("a", "b")]
    [InlineData("a b")]
    [InlineData("a\u001b")]
    [InlineData("ä")]
    public void Of_SeveralOrNoName_Refused(params string[] values) =>
        Assert.Equal("x-team", Assert.Single(Assert.Throws<InvalidRequestException>(() => Tenants("x-team").Of(Request("x-team", values))).Violations).Field);

    [Theory]
    [InlineData("x y")]
    [InlineData("grpc-timeout")]
    [InlineData("tenant-bin")]
    [InlineData("x-request-id")]
    public void Validate_NoNameForAHeader_Refused(string header) =>
        Assert.True(new TenantOptionsValidator().Validate(null, new TenantOptions { Header = header }).Failed);

    private static HeaderTenants Tenants(string? header) => new(Options.Create(new TenantOptions { Header = header }));

    private static DefaultHttpContext Request(string name, params string[] values) => new() { Request = { Headers = { [name] = new StringValues(values) } } };
}
