using System.Reflection;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Reflection that also knows what no service names: the google.rpc messages in the details of errors, and files of a contract that only hold names for
/// programs. Without them a generic client cannot read why a call failed.
/// </summary>
internal static class ReflectionSetup
{
    public static IServiceCollection AddFullReflection(this IServiceCollection services)
    {
        // First come: the library adds its own only where there is none.
        services.AddSingleton(provider => new ReflectionServiceImpl(Names(provider), Symbols(provider)));
        services.AddSingleton(provider => new ReflectionV1ServiceImpl(Names(provider), Symbols(provider)));
        return services.AddGrpcReflection();
    }

    private static string[] Names(IServiceProvider provider) => [.. Services(provider).Select(s => s.FullName)];

    private static SymbolRegistry Symbols(IServiceProvider provider)
    {
        var contracts = Services(provider).SelectMany(s => Siblings(s.File));
        return SymbolRegistry.FromFiles([.. contracts, Google.Rpc.StatusReflection.Descriptor, Google.Rpc.ErrorDetailsReflection.Descriptor]);
    }

    /// <summary>The services that are mapped, without reflection itself, as the library lists them.</summary>
    private static IEnumerable<ServiceDescriptor> Services(IServiceProvider provider) => provider.GetServices<EndpointDataSource>()
        .SelectMany(s => s.Endpoints)
        .Select(e => e.Metadata.GetMetadata<Grpc.AspNetCore.Server.GrpcMethodMetadata>()?.ServiceType)
        .OfType<Type>()
        .Distinct()
        .Select(Descriptor)
        .OfType<ServiceDescriptor>()
        .DistinctBy(s => s.FullName);

    private static ServiceDescriptor? Descriptor(Type service)
    {
        for (var type = service; type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is { } bind)
            {
                return bind.BindType.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) as ServiceDescriptor;
            }
        }

        return null;
    }

    /// <summary>All files of a service's package that its assembly holds.</summary>
    private static IEnumerable<FileDescriptor> Siblings(FileDescriptor file)
    {
        var assembly = file.MessageTypes.Select(m => m.ClrType?.Assembly).FirstOrDefault(a => a is not null);
        var siblings = assembly?.GetTypes()
            .Where(t => t.IsAbstract && t.IsSealed && t.Name.EndsWith("Reflection", StringComparison.Ordinal))
            .Select(t => t.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null))
            .OfType<FileDescriptor>()
            .Where(f => f.Package == file.Package) ?? [];
        return [file, .. siblings];
    }
}
