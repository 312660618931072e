namespace Sgl.Router;

/// <summary>Bounds retries to a share of the requests: each request earns a fraction of a retry, each retry spends one. Thread-safe.</summary>
internal sealed class RetryBudget(double ratio, int burst)
{
    private readonly Lock _gate = new();
    private double _tokens = burst;

    public void Earn()
    {
        lock (_gate)
        {
            _tokens = Math.Min(burst, _tokens + ratio);
        }
    }

    public bool TrySpend()
    {
        lock (_gate)
        {
            if (_tokens < 1)
            {
                return false;
            }

            _tokens--;
            return true;
        }
    }
}
