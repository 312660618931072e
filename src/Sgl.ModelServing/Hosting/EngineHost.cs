using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>
/// Loads the model in the background while the service already answers on its port, and owns it. Health is NOT_SERVING until the model is loaded
/// and warmed. A model that cannot be loaded stops the host; stopping then throws a <see cref="StartupException"/>, which
/// <see cref="ServiceRunner"/> turns into one line and an exit code.
/// </summary>
public sealed class EngineHost : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan RetryWhileLoading = TimeSpan.FromSeconds(2);

    private readonly EngineOptions _options;
    private readonly ServiceHealth _health;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<EngineHost> _logger;
    private readonly TimeProvider _time;
    private readonly IProgress<LoadProgress>? _progress;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<VlmEngine> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loading = Task.CompletedTask;
    private StartupException? _failure;
    private volatile string _phase = "starting";
    private int _disposed;

    /// <summary>Creates the host; loading begins when the application starts.</summary>
    /// <param name="options">How to load.</param>
    /// <param name="health">Told when the model can serve.</param>
    /// <param name="lifetime">Stopped when the model cannot be loaded.</param>
    /// <param name="loggers">For the engine and for progress.</param>
    /// <param name="time">Clock.</param>
    /// <param name="progress">Shown the progress besides the log; null: only the log.</param>
    public EngineHost(
        IOptions<EngineOptions> options,
        ServiceHealth health,
        IHostApplicationLifetime lifetime,
        ILoggerFactory loggers,
        TimeProvider time,
        IProgress<LoadProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Value;
        _health = health;
        _lifetime = lifetime;
        _loggers = loggers;
        _logger = loggers.CreateLogger<EngineHost>();
        _time = time;
        _progress = progress;
    }

    /// <summary>Completes when the model can serve; fails with <see cref="StartupException"/> where it cannot be loaded.</summary>
    public Task<VlmEngine> Ready => _ready.Task;

    /// <summary>The engine, or null while it is loading.</summary>
    public VlmEngine? Loaded => _ready.Task.IsCompletedSuccessfully ? _ready.Task.Result : null;

    /// <summary>The engine.</summary>
    /// <exception cref="NotReadyException">It is loading, or could not be loaded.</exception>
    public VlmEngine Engine => Loaded ?? throw new NotReadyException($"The model is not ready: {_phase}.", RetryWhileLoading);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _health.SetNotServing("loading the model");
        _loading = Task.Run(LoadAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _loading.WaitAsync(cancellationToken);
        if (_failure is not null)
        {
            throw _failure;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The container disposes twice: as the singleton, and as the hosted service that is the same object.
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        await _loading;
        if (Loaded is { } engine)
        {
            await engine.DisposeAsync();
        }

        _stopping.Dispose();
    }

    private async Task LoadAsync()
    {
        var started = _time.GetTimestamp();
        EngineHostLog.Loading(_logger, _options.Checkpoint, _options.Placement);
        try
        {
            var engine = await VlmEngine.LoadAsync(_options, _loggers, _time, new ProgressRelay(this), _stopping.Token);
            EngineHostLog.Loaded(
                _logger, engine.Model.Name, engine.Model.Family, engine.Model.ParameterCount / 1e6, engine.Model.Layers, _time.GetElapsedTime(started).TotalSeconds);
            _ready.SetResult(engine);
            _health.SetServing();
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            _ready.SetCanceled(_stopping.Token);
        }
        catch (Exception e)
        {
            _phase = "loading failed";
            _failure = StartupFailures.Explain(e, _options.Checkpoint);
            _ready.SetException(_failure);
            _ = _ready.Task.Exception; // observed: not everybody waits for Ready
            _lifetime.StopApplication();
        }
    }

    private sealed class ProgressRelay(EngineHost host) : IProgress<LoadProgress>
    {
        // Large parts take minutes; nobody wants a line for each matrix.
        private const int LinesOfAll = 10;

        private (string Phase, int Tenth) _logged = ("", 0);

        public void Report(LoadProgress value)
        {
            host._phase = FormattableString.Invariant($"loading, {value.Fraction:P0} ({value.Phase})");
            host._progress?.Report(value);
            var now = (value.Phase, (int)(value.Fraction * LinesOfAll));
            if (now != _logged)
            {
                _logged = now;
                EngineHostLog.Progress(host._logger, value.Phase, value.Fraction);
            }
        }
    }
}
