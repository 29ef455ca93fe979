// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 units) external returns (bool);
    function transferFrom(address from, address to, uint256 units) external returns (bool);
    function balanceOf(address who) external view returns (uint256);
}

interface IWrapped is IToken {
    function deposit() external payable;
    function withdraw(uint256 units) external;
}

interface IPayer {
    function pay(address token, uint256 units) external;
}

interface IPool {
    function swap(address to, bool zeroForOne, uint256 units, uint256 out) external;
}

/// An exchange's hot wallet, with a flaw: whoever calls `setOperator` first after a deployment is the operator.
contract HotWallet {
    address public operator;

    receive() external payable {}

    function setOperator(address who) external {
        operator = who;
    }

    function pay(address payable to, uint256 units) external {
        require(msg.sender == operator, "operator");
        (bool done, ) = to.call{value: units}("");
        require(done, "pay");
    }

    function payToken(IToken token, address to, uint256 units) external {
        require(msg.sender == operator, "operator");
        require(token.transfer(to, units), "token");
    }
}

/// Takes over a hot wallet, empties it into itself and hands everything on, all in one transaction.
contract Thief {
    address public immutable master = msg.sender;

    receive() external payable {}

    function drain(
        HotWallet wallet, address payable to, uint256 units, IToken[] calldata tokens, uint256[] calldata amounts
    ) external {
        require(msg.sender == master, "master");
        wallet.setOperator(address(this));
        for (uint256 n = 0; n < tokens.length; n++) wallet.payToken(tokens[n], to, amounts[n]);
        wallet.pay(payable(address(this)), units);
        (bool done, ) = to.call{value: units}("");
        require(done, "to");
    }
}

/// Pays many in one transaction.
contract Disperse {
    function disperseEther(address[] calldata to, uint256[] calldata units) external payable {
        uint256 left = msg.value;
        for (uint256 n = 0; n < to.length; n++) {
            left -= units[n];
            (bool done, ) = to[n].call{value: units[n]}("");
            require(done, "pay");
        }
        if (left > 0) {
            (bool given, ) = msg.sender.call{value: left}("");
            require(given, "rest");
        }
    }

    function disperseToken(IToken token, address[] calldata to, uint256[] calldata units) external {
        uint256 total;
        for (uint256 n = 0; n < to.length; n++) total += units[n];
        token.transferFrom(msg.sender, address(this), total);
        for (uint256 n = 0; n < to.length; n++) token.transfer(to[n], units[n]);
    }

    function disperseBoth(IToken token, address[] calldata to, uint256[] calldata ether_, uint256[] calldata units)
        external
        payable
    {
        uint256 total;
        for (uint256 n = 0; n < to.length; n++) total += units[n];
        token.transferFrom(msg.sender, address(this), total);
        for (uint256 n = 0; n < to.length; n++) {
            (bool done, ) = to[n].call{value: ether_[n]}("");
            require(done, "pay");
            token.transfer(to[n], units[n]);
        }
    }
}

/// Wraps the native coin and says only Deposit and Withdrawal, never Transfer, when it does.
contract Vault {
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);

    string public constant symbol = "VLT";
    uint8 public constant decimals = 18;
    mapping(address => uint256) public balanceOf;

    function deposit() external payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    function withdraw(uint256 units) external {
        balanceOf[msg.sender] -= units;
        (bool done, ) = msg.sender.call{value: units}("");
        require(done, "pay");
        emit Withdrawal(msg.sender, units);
    }
}

/// A pool that pays out first and is paid in a callback; the price of a swap is what the caller names.
contract Pool {
    event Swap(
        address indexed sender, address indexed recipient, int256 amount0, int256 amount1,
        uint160 sqrtPriceX96, uint128 liquidity, int24 tick
    );

    IToken public immutable token0;
    IToken public immutable token1;

    constructor(IToken token0_, IToken token1_) {
        token0 = token0_;
        token1 = token1_;
    }

    function swap(address to, bool zeroForOne, uint256 units, uint256 out) external {
        (IToken paid, IToken given) = zeroForOne ? (token0, token1) : (token1, token0);
        require(given.transfer(to, out), "out");
        uint256 before = paid.balanceOf(address(this));
        IPayer(msg.sender).pay(address(paid), units);
        require(paid.balanceOf(address(this)) >= before + units, "not paid");
        (int256 plus, int256 minus) = (int256(units), -int256(out));
        emit Swap(msg.sender, to, zeroForOne ? plus : minus, zeroForOne ? minus : plus, 1 << 96, 1, 0);
    }
}

/// Swaps the native coin or a token over one pool or two; what was sent too much comes back.
contract Aggregator {
    IWrapped public immutable wrapped;
    address private payer;

    constructor(IWrapped wrapped_) {
        wrapped = wrapped_;
    }

    receive() external payable {}

    /// Native coin for a token, over two pools; the rest of what was sent is paid back.
    function split(
        address first, uint256 firstUnits, uint256 firstOut, address second, uint256 secondUnits, uint256 secondOut
    ) external payable {
        wrapped.deposit{value: firstUnits + secondUnits}();
        payer = address(this);
        IPool(first).swap(msg.sender, true, firstUnits, firstOut);
        IPool(second).swap(msg.sender, true, secondUnits, secondOut);
        uint256 rest = msg.value - firstUnits - secondUnits;
        if (rest > 0) {
            (bool done, ) = msg.sender.call{value: rest}("");
            require(done, "rest");
        }
    }

    /// One token for another over one pool, paid by the caller in the callback.
    function single(address pool, bool zeroForOne, uint256 units, uint256 out) external {
        payer = msg.sender;
        IPool(pool).swap(msg.sender, zeroForOne, units, out);
    }

    function pay(address token, uint256 units) external {
        if (payer == address(this)) IToken(token).transfer(msg.sender, units);
        else IToken(token).transferFrom(payer, msg.sender, units);
    }
}

/// Takes native coin and throws it away: value calls that fail inside a transaction that succeeds.
contract Grumpy {
    receive() external payable {
        revert("no");
    }

    function tries(address payable[] calldata to) external payable {
        for (uint256 n = 0; n < to.length; n++) {
            (bool done, ) = to[n].call{value: 1}("");
            done;
        }
    }
}
