using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Sgl.Client;
using Sgl.Client.Internal;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers clients of a router.</summary>
public static class SglClientServiceCollectionExtensions
{
    /// <summary>Adds <see cref="SglClient"/> as a singleton. What is wrong with its options is told when the host starts, all of it at once.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options, e.g. from a section: <c>configuration.GetSection("Sgl").Bind</c>.</param>
    /// <returns>The HTTP client below it, for handlers, client certificates and interceptors.</returns>
    public static IHttpClientBuilder AddSglClient(this IServiceCollection services, Action<SglClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<SglClientOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SglClientOptions>, SglClientOptionsValidator>());
        services.TryAddSingleton(s => new SglClient(s.GetRequiredService<Wire.RouterService.RouterServiceClient>(), Options(s)));
        return services
            .AddGrpcClient<Wire.RouterService.RouterServiceClient>((s, grpc) =>
            {
                var options = Options(s);
                grpc.Address = new Uri(options.Address);
                grpc.ChannelOptionsActions.Add(channel => Channels.Configure(channel, options));
            })
            .ConfigurePrimaryHttpMessageHandler(Channels.Handler)

            // The client lives as long as the process: connections, not handlers, are exchanged.
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
    }

    private static SglClientOptions Options(IServiceProvider services) => services.GetRequiredService<IOptions<SglClientOptions>>().Value;
}
