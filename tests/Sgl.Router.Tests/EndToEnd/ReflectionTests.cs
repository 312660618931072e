using Google.Protobuf.Reflection;
using Grpc.Reflection.V1;

namespace Sgl.Router.Tests;

/// <summary>A generic client finds everything it needs to read answers and errors.</summary>
[Collection(nameof(DemoTrio))]
public sealed class ReflectionTests(DemoTrio trio)
{
    [Theory]
    [InlineData("google.rpc.BadRequest")]
    [InlineData("google.rpc.ErrorInfo")]
    [InlineData("google.rpc.RetryInfo")]
    [InlineData("google.rpc.Status")]
    [InlineData("sgl.v1.ErrorReason")]
    [InlineData("sgl.v1.SmallService")]
    [InlineData("sgl.v1.VisualTile")]
    public async Task FileContainingSymbol_ErrorsAndContract_Found(string symbol)
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        var files = answer.FileDescriptorResponse.FileDescriptorProto.Select(FileDescriptorProto.Parser.ParseFrom).ToList();
        Assert.Contains(files, f => symbol.StartsWith(f.Package, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ListServices_TheServiceAndHealth()
    {
        var answer = await AskAsync(new ServerReflectionRequest { ListServices = "" });

        var names = answer.ListServicesResponse.Service.Select(s => s.Name).ToList();
        Assert.Contains("sgl.v1.SmallService", names);
        Assert.Contains("grpc.health.v1.Health", names);
    }

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        using var call = new ServerReflection.ServerReflectionClient(trio.Small.Channel).ServerReflectionInfo(deadline: DateTime.UtcNow.AddSeconds(30));
        await call.RequestStream.WriteAsync(request);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        return call.ResponseStream.Current;
    }
}
