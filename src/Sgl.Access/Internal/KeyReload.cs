using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Sgl.Access.Internal;

/// <summary>Looks at the files of keys from time to time.</summary>
internal sealed class KeyReload(KeyStore store, TokenCallers tokens, IOptions<AccessOptions> options, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.ReloadInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                store.Reload();
                tokens.Sweep();
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }
}
